import { median } from 'simple-statistics';
import type { BenchContext, Contender, Round, Row, Spread } from './bench.ts';

/** Rounds before the measured ones: V8 needs two or three calls of a long loop to have all of it optimised. */
const WARM_UP_ROUNDS = 3;

export interface Measured {
  readonly rounds: readonly Round[];
  readonly spread: Spread;
  readonly waitShare: number;
}

/** Runs the contenders in turn, round after round, so that whatever disturbs the machine meets all of them. */
export async function interleave(contenders: readonly Contender[], context: BenchContext): Promise<Measured[]> {
  const works = contenders.map(({ firstWork }) => firstWork);
  for (let warmUp = 0; warmUp < WARM_UP_ROUNDS; warmUp++) {
    for (const [i, contender] of contenders.entries()) {
      const { elapsedNs } = await contender.run(works[i]);
      if (elapsedNs > 0) works[i] = Math.max(1, Math.round((works[i] * context.roundMs * 1e6) / elapsedNs));
    }
  }
  const rounds: Round[][] = contenders.map(() => []);
  for (let round = 0; round < context.rounds; round++) {
    for (const [i, contender] of contenders.entries()) rounds[i].push(await contender.run(works[i]));
  }
  return rounds.map((each) => ({
    rounds: each,
    spread: spreadOf(each.map(({ value }) => value)),
    waitShare: median(each.map(({ waitShare }) => waitShare)),
  }));
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
  };
}
