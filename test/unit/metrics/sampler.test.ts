import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { createSampler } from '../../../src/metrics/derive/sampler.ts';
import type { Snapshot } from '../../../src/metrics/derive/snapshot.ts';

function setUp() {
  const ticks = new Subject<string>();
  let takenCount = 0;
  let nowNs = 0;
  const take = (): Snapshot => {
    takenCount++;
    return {
      atNs: nowNs,
      counters: new Map(),
      depths: new Map(),
      threads: [],
      lateness: new Map(),
      latency: new Map(),
    };
  };
  const tick = (atNs: number, phase: string): void => {
    nowNs = atNs;
    ticks.next(phase);
  };
  return { ...createSampler(ticks, take), tick, taken: () => takenCount, end: () => ticks.complete() };
}

describe('sampler', () => {
  it('takes one snapshot a tick for all who look', () => {
    const { intervals, samples, tick, taken } = setUp();
    const seen: number[] = [];
    samples.subscribe(({ snapshot }) => seen.push(snapshot.atNs));
    intervals.subscribe();
    intervals.subscribe();
    tick(0, 'warm-up');
    tick(5, 'warm-up');
    expect(taken()).toBe(2);
    expect(seen).toEqual([0, 5]);
  });

  it('gives each interval its true length and the phase that ended it', () => {
    const { intervals, tick } = setUp();
    const seen: unknown[] = [];
    intervals.subscribe(({ phase, before, after }) => seen.push([phase, before.atNs, after.atNs]));
    tick(0, 'warm-up');
    tick(500, 'warm-up');
    tick(1003, 'flood');
    expect(seen).toEqual([
      ['warm-up', 0, 500],
      ['flood', 500, 1003],
    ]);
  });

  it('has no interval without time in it', () => {
    const { intervals, tick } = setUp();
    let count = 0;
    intervals.subscribe(() => count++);
    tick(0, 'a');
    tick(0, 'b');
    expect(count).toBe(0);
  });

  it('ends with its ticks', () => {
    const { intervals, end } = setUp();
    let ended = false;
    intervals.subscribe({ complete: () => (ended = true) });
    end();
    expect(ended).toBe(true);
  });
});
