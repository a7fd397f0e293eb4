/** One trial to be made: indexes into the sweep's rates and variants. */
export interface PlannedTrial {
  readonly round: number;
  readonly rateIndex: number;
  readonly variantIndex: number;
  /** 0, or which repeat of an invalid trial this is. */
  readonly attempt: number;
}

export interface TrialQueueSize {
  readonly rates: number;
  readonly variants: number;
  readonly rounds: number;
  /** Most repeats of one trial, and of all together. */
  readonly repeatsPerTrialMax: number;
  readonly repeatsMax: number;
}

/**
 * The order of a sweep's trials: rounds through all rates, and at each rate A B C, so that whatever drifts or disturbs
 * meets every variant alike and no point's trials lie together in time. Repeats come at the end of their round, when
 * what spoilt the first attempt may have passed.
 */
export class TrialQueue {
  private readonly size: TrialQueueSize;
  private round = 0;
  private pending: PlannedTrial[];
  private repeats: PlannedTrial[] = [];
  private repeated = 0;

  constructor(size: TrialQueueSize) {
    this.size = size;
    this.pending = this.trialsOf(0);
  }

  /** The next trial; null when there is none left. */
  next(): PlannedTrial | null {
    if (this.pending.length === 0) {
      this.pending = this.repeats;
      this.repeats = [];
    }
    if (this.pending.length === 0 && ++this.round < this.size.rounds) this.pending = this.trialsOf(this.round);
    return this.pending.shift() ?? null;
  }

  /** Asks for an invalid trial to be made again. @returns whether it will be. */
  repeat(trial: PlannedTrial): boolean {
    const { repeatsPerTrialMax, repeatsMax } = this.size;
    if (trial.attempt >= repeatsPerTrialMax || this.repeated >= repeatsMax) return false;
    this.repeated++;
    this.repeats.push({ ...trial, attempt: trial.attempt + 1 });
    return true;
  }

  /** Trials that follow whatever becomes of those before them, at most so many. */
  upcoming(most: number): PlannedTrial[] {
    const ahead = this.pending.slice(0, most);
    for (let round = this.round + 1; ahead.length < most && round < this.size.rounds; round++) {
      ahead.push(...this.trialsOf(round).slice(0, most - ahead.length));
    }
    return ahead;
  }

  private trialsOf(round: number): PlannedTrial[] {
    const { rates, variants, rounds } = this.size;
    if (round >= rounds) return [];
    return Array.from({ length: rates * variants }, (_, i) => ({
      round,
      rateIndex: Math.floor(i / variants),
      variantIndex: i % variants,
      attempt: 0,
    }));
  }
}
