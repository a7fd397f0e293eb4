/**
 * How far apart two cores are, in the unit that a run feels: a cache line to the other core and back. A hypervisor puts
 * the cores of a virtual machine where it likes and moves them meanwhile: behind one last-level cache a line is back in
 * a tenth of a microsecond, from behind another in half of one, and a data path across the two carries half.
 */
import { nowNs } from '../threads/clock.ts';
import type { Arena, Region } from '../../memory/arena.ts';

/** Two cores, and the round trips between them that were measured: the last one, and all so far. */
export interface CoreDistance {
  readonly cores: readonly [number, number];
  readonly lastNs: number;
  readonly leastNs: number;
  readonly mostNs: number;
}

/**
 * From here on, as many times the shortest round trip, the cores are not where they were. The first measurement of a
 * process may find up to 2.3 times what later ones do between the same two cores.
 */
const MOVED_TIMES = 2.5;
const ROUND_TRIPS = 1000;
/** The first ones run unoptimised; the quickest counts. */
const PASSES = 12;
/** How long a side waits for the other, which may have lost its core, and how many looks pass between two at the clock. */
const PATIENCE_NS = 200e6;
const LOOKS = 4096;
/** What one measurement adds to the word. */
export const BOUNCES = 2 * ROUND_TRIPS * PASSES;

/** Reserves the word that is passed to and fro. */
export function reserveBounce(arena: Arena): Region {
  return arena.reserve(4);
}

/**
 * One side of a measurement; the other one runs at the same time on the other core.
 *
 * @param start the same on both sides, and BOUNCES more at each measurement.
 * @returns ns of a round trip where it serves and was answered; else null.
 */
export function bounce(word: Int32Array, start: number, serves: boolean): number | null {
  let leastNs = Infinity;
  for (let pass = 0; pass < PASSES; pass++) {
    const before = nowNs();
    if (!passToAndFro(word, start + pass * 2 * ROUND_TRIPS, serves)) return null;
    leastNs = Math.min(leastNs, (nowNs() - before) / ROUND_TRIPS);
  }
  return serves ? leastNs : null;
}

/** The serving side stores odd numbers, the other even ones. @returns false when the other did not answer. */
function passToAndFro(word: Int32Array, start: number, serves: boolean): boolean {
  for (let at = start; at < start + 2 * ROUND_TRIPS; at += 2) {
    if (serves) Atomics.store(word, 0, at + 1);
    if (!comes(word, serves ? at + 2 : at + 1)) return false;
    if (!serves) Atomics.store(word, 0, at + 2);
  }
  return true;
}

function comes(word: Int32Array, awaited: number): boolean {
  for (let looks = 0; looks < LOOKS; looks++) if (Atomics.load(word, 0) === awaited) return true;
  const latestNs = nowNs() + PATIENCE_NS;
  while (nowNs() < latestNs) {
    for (let looks = 0; looks < LOOKS; looks++) if (Atomics.load(word, 0) === awaited) return true;
  }
  return false;
}

/** True when the two cores did not stay where they were. */
export function coresMoved({ leastNs, mostNs }: CoreDistance): boolean {
  return mostNs >= MOVED_TIMES * leastNs;
}

/** `cache line from core 1 to core 0 and back: 107 ns`, and whether that changed. */
export function describeDistance(distance: CoreDistance): string {
  const { cores, leastNs, mostNs } = distance;
  const trip = `cache line from core ${cores[0]} to core ${cores[1]} and back`;
  const least = leastNs.toFixed(0);
  if (!coresMoved(distance)) return `${trip}: ${least} ns`;
  return `${trip}: ${least} to ${mostNs.toFixed(0)} ns, the cores were moved meanwhile: the figures are of both`;
}
