import { describe, expect, it } from 'vitest';
import { countLosses } from '../../../src/experiment/run/losses.ts';
import type { Lane } from '../../../src/metrics/derive/lanes.ts';
import type { Snapshot } from '../../../src/metrics/derive/snapshot.ts';
import type { Place } from '../../../actors/registry.ts';

const lane = (actor: string, place: Place, indexes: Partial<Lane>): Lane => ({
  ...{ actor, place, vm: null, name: '', inIndexes: [], outIndexes: [], cloneIndexes: [], consumeIndexes: [] },
  ...{ drops: [], inputs: [] },
  ...indexes,
});
const LANES = [
  lane('generator', 'generator', { outIndexes: [0] }),
  lane('bridge', 'bridge', { cloneIndexes: [0], drops: [{ index: 1, counter: '', reason: '', place: 'bridge' }] }),
  lane('sink', 'sink', { inIndexes: [0] }),
];

/** Counters of the three since the beginning. */
const at = (sent: number, copies: number, dropped: number, received: number): Snapshot => ({
  ...({} as Snapshot),
  counters: new Map([
    ['generator', Float64Array.of(sent)],
    ['bridge', Float64Array.of(copies, dropped)],
    ['sink', Float64Array.of(received)],
  ]),
});
const lostBetween = (before: Snapshot, after: Snapshot, droppedFrames: number, foreignFrames = 0): number =>
  countLosses(LANES, before, after, { droppedFrames, foreignFrames }).lostFrames;

describe('frames lost in a phase', () => {
  const start = at(0, 0, 0, 0);

  it('are all that were dropped where nothing was copied, however many are on their way', () => {
    expect(lostBetween(start, at(1000, 0, 10, 900), 10)).toBe(10);
  });

  it('are never more than were sent in it: the others were sent before', () => {
    expect(lostBetween(at(700, 0, 0, 100), at(1200, 0, 502, 100), 502)).toBe(500);
  });

  it('leave the copies of flooded frames out', () => {
    expect(lostBetween(start, at(1000, 1000, 1000, 1000), 1000)).toBe(0);
    expect(lostBetween(start, at(1000, 1000, 1300, 700), 1300)).toBe(300);
  });

  it('leave out copies that were on their way when it began', () => {
    expect(lostBetween(at(100, 100, 90, 100), at(1100, 1100, 1100, 1100), 1010)).toBe(0);
    expect(lostBetween(at(100, 100, 90, 100), at(1100, 100, 190, 1000), 100)).toBe(100);
  });

  it('leave out what may be on its way where copies end, and frames that came out for nobody count', () => {
    expect(lostBetween(start, at(1000, 1000, 999, 998), 999)).toBe(0);
    expect(lostBetween(start, at(1000, 0, 0, 1000), 0, 400)).toBe(400);
    expect(lostBetween(start, at(1000, 500, 0, 1500), 0, 500)).toBe(0);
  });
});
