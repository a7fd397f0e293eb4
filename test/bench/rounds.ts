import { median } from 'simple-statistics';
import type { AtDistance, BenchContext, Contender, Round, Row, Spread } from './bench.ts';
import { distancesOf, readRoundTripNs } from './distance.ts';

/** Rounds before the measured ones: V8 needs two or three calls of a long loop to have all of it optimised. */
const WARM_UP_ROUNDS = 3;

/** A round whose threads waited for their cores longer than this share of it says nothing, and is done again. */
const WAIT_SHARE_MAX = 0.02;
/** Attempts at a round; then the least disturbed counts. */
const ATTEMPTS = 8;
/** A single disturbed round must not set the length of the next out of all proportion. */
const WORK_CHANGE_MAX = 4;

export interface Measured {
  readonly rounds: readonly Round[];
  readonly spread: Spread;
  /** Median over the rounds; null where it was not measured. */
  readonly waitShare: number | null;
  /** By round, ns; null where it was not measured. The longer of before and after the round. */
  readonly roundTripsNs: readonly (number | null)[];
}

/** Runs the contenders in turn, round after round, so that whatever disturbs the machine meets all of them. */
export async function interleave(contenders: readonly Contender[], context: BenchContext): Promise<Measured[]> {
  const paced = contenders.map((contender) => new PacedContender(contender, context.roundMs * 1e6));
  for (let warmUp = 0; warmUp < WARM_UP_ROUNDS; warmUp++) for (const each of paced) await each.run();
  const rounds: Placed<Round>[][] = contenders.map(() => []);
  for (let round = 0; round < context.rounds; round++) {
    for (const [i, each] of paced.entries()) rounds[i].push(await placed(() => undisturbed(each), context));
  }
  return rounds.map((each) => ({
    rounds: each.map(({ result }) => result),
    spread: spreadOf(each.map(({ result }) => result.value)),
    waitShare: median(each.map(({ result }) => result.waitShare)),
    roundTripsNs: each.map(({ roundTripNs }) => roundTripNs),
  }));
}

/** What a round gave, and how far apart the cores were meanwhile. */
interface Placed<T> {
  readonly result: T;
  readonly roundTripNs: number | null;
}

async function placed<T>(round: () => Promise<T>, context: BenchContext): Promise<Placed<T>> {
  const before = await readRoundTripNs(context);
  const result = await round();
  const after = await readRoundTripNs(context);
  return { result, roundTripNs: before === null || after === null ? null : Math.max(before, after) };
}

/** A contender whose rounds are kept at about the same length, whatever the machine is doing. */
class PacedContender {
  private readonly contender: Contender;
  private readonly roundNs: number;
  private work: number;

  constructor(contender: Contender, roundNs: number) {
    this.contender = contender;
    this.roundNs = roundNs;
    this.work = contender.firstWork;
  }

  async run(): Promise<Round> {
    const round = await this.contender.run(this.work);
    const change = Math.min(WORK_CHANGE_MAX, Math.max(1 / WORK_CHANGE_MAX, this.roundNs / round.elapsedNs));
    this.work = Math.max(1, Math.round(this.work * change));
    return round;
  }
}

/** One round in which nobody else used the cores, or the best of several attempts at it. */
async function undisturbed(contender: PacedContender): Promise<Round> {
  let best = await contender.run();
  for (let attempt = 1; attempt < ATTEMPTS && best.waitShare > WAIT_SHARE_MAX; attempt++) {
    const round = await contender.run();
    if (round.waitShare < best.waitShare) best = round;
  }
  return best;
}

/**
 * The same for contenders that give several figures at a time and need no setting of their work. Those that begin
 * afresh each round need no warm-up rounds.
 *
 * @returns by contender, then by figure.
 */
export async function interleaveFigures(
  contenders: readonly (() => Promise<readonly number[]>)[],
  figures: number,
  context: BenchContext,
  warmUpRounds = WARM_UP_ROUNDS,
): Promise<Measured[][]> {
  for (let warmUp = 0; warmUp < warmUpRounds; warmUp++) for (const contender of contenders) await contender();
  const rounds: Placed<readonly number[]>[][] = contenders.map(() => []);
  for (let round = 0; round < context.rounds; round++) {
    for (const [i, contender] of contenders.entries()) rounds[i].push(await placed(contender, context));
  }
  return rounds.map((each) =>
    Array.from({ length: figures }, (_, figure) =>
      measuredOf(
        each.map(({ result }) => result[figure]),
        each.map(({ roundTripNs }) => roundTripNs),
      ),
    ),
  );
}

/** Values of rounds whose waiting nobody measured. */
export function measuredOf(values: readonly number[], roundTripsNs: readonly (number | null)[] = []): Measured {
  const rounds = values.map((value): Round => ({ value, elapsedNs: 0, waitShare: 0 }));
  return { rounds, spread: spreadOf(values), waitShare: null, roundTripsNs };
}

/** Of each round the longer one, ours or the peer's: a ratio is of one distance or of none. */
function roundTripsOf(ours: Measured, peer: Measured | null): (number | null)[] {
  return ours.roundTripsNs.map((own, round) => {
    const other = peer === null ? own : (peer.roundTripsNs[round] ?? null);
    return own === null || other === null ? null : Math.max(own, other);
  });
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median([...values]), min: Math.min(...values), max: Math.max(...values), rounds: values.length };
}

/** What a row says beyond what was measured. */
export interface RowMeaning {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly peerName?: string;
  readonly floor?: number;
  readonly reach?: number;
}

/** A row from our measurement and, where there is one, the peer's. */
export function rowOf(meaning: RowMeaning, ours: Measured, peer: Measured | null): Row {
  const ratios = peer?.rounds.map(({ value }, round) => ours.rounds[round].value / value) ?? null;
  return {
    name: meaning.name,
    unit: meaning.unit,
    better: meaning.better,
    ours: ours.spread,
    peer: peer?.spread ?? null,
    peerName: peer === null ? null : (meaning.peerName ?? null),
    ratio: ratios === null ? null : spreadOf(ratios),
    floor: meaning.floor ?? null,
    reach: peer === null ? null : (meaning.reach ?? null),
    waitShare: ours.waitShare,
    byDistance: distancesOf(roundTripsOf(ours, peer)).map(({ roundTripNs, rounds }): AtDistance => ({
      roundTripNs,
      ours: spreadOf(rounds.map((round) => ours.rounds[round].value)),
      ratio: ratios === null ? null : spreadOf(rounds.map((round) => ratios[round])),
    })),
  };
}
