/** How far apart the two cores are: a hypervisor moves them about, and all that crosses between them costs with it. */
import { median } from 'simple-statistics';
import type { BenchContext } from './bench.ts';
import { nativeProgram } from './native.ts';

const ROUND_TRIPS = 25_000;
const NO_COPIES = [1, 1, 64] as const;

/** A cache line to the other core and back, ns; null without a C compiler, or where there is one core. */
export async function readRoundTripNs({ cores }: Pick<BenchContext, 'cores'>): Promise<number | null> {
  const program = cores[0] === cores[1] ? null : nativeProgram('cache-line');
  return program === null ? null : (await program(ROUND_TRIPS, ...NO_COPIES, ...cores))[0];
}

/** From here on, as many times the shortest round trip, the cores are far apart: not behind one last-level cache. */
const FAR_TIMES = 2;

/** Rounds that were made with the cores equally far apart. */
export interface Distance {
  /** Median over the rounds, ns. */
  readonly roundTripNs: number;
  /** Numbers of the rounds. */
  readonly rounds: readonly number[];
}

/** The rounds by distance, nearest first: one or two; none where nobody measured. */
export function distancesOf(roundTripsNs: readonly (number | null)[]): Distance[] {
  const known = roundTripsNs.filter((ns) => ns !== null);
  if (known.length < roundTripsNs.length || known.length === 0) return [];
  const farNs = FAR_TIMES * Math.min(...known);
  const kinds = [false, true].map((far) => {
    const rounds = known.flatMap((ns, round) => (ns >= farNs === far ? [round] : []));
    return { roundTripNs: rounds.length === 0 ? 0 : median(rounds.map((round) => known[round])), rounds };
  });
  return kinds.filter(({ rounds }) => rounds.length > 0);
}
