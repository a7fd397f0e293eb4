import { beforeAll, describe, expect, it } from 'vitest';
import type { BurnCalibration } from '../../../src/runtime/threads/cpu-burn.ts';
import { CpuBurner, calibrateBurn } from '../../../src/runtime/threads/cpu-burn.ts';
import { openLibc } from '../../../src/runtime/os/libc.ts';

let calibration: BurnCalibration;
let burner: CpuBurner;

beforeAll(() => {
  calibration = calibrateBurn();
  burner = new CpuBurner(calibration.iterationsPerNs);
});

/** The least of several runs: noise only ever adds. CPU time where it can be measured, else wall time. */
function leastCostNs(work: () => void): number {
  const { libc } = openLibc();
  const clockNs = libc === null ? () => performance.now() * 1e6 : libc.threadCpuNs;
  let least = Infinity;
  for (let i = 0; i < 15; i++) {
    const before = clockNs();
    work();
    least = Math.min(least, clockNs() - before);
  }
  return least;
}

describe('burning CPU time', () => {
  it('calibrates to a speed a processor can have', () => {
    expect(calibration.iterationsPerNs).toBeGreaterThan(0.02);
    expect(calibration.iterationsPerNs).toBeLessThan(5);
  });

  it.each([1e5, 1e6, 5e6])('uses about %d ns when asked for them', (ns) => {
    const costNs = leastCostNs(() => burner.burn(ns));
    expect(costNs / ns).toBeGreaterThan(0.8);
    expect(costNs / ns).toBeLessThan(1.25);
  });

  it('adds up many small burns', () => {
    const costNs = leastCostNs(() => {
      for (let i = 0; i < 1000; i++) burner.burn(1000);
    });
    expect(costNs / 1e6).toBeGreaterThan(0.8);
    expect(costNs / 1e6).toBeLessThan(1.25);
  });

  it.each([0, -5, NaN])('costs next to nothing for %d ns', (ns) => {
    const costNs = leastCostNs(() => {
      for (let i = 0; i < 1000; i++) burner.burn(ns);
    });
    expect(costNs).toBeLessThan(1e6);
  });

  it.each([0, -1, NaN])('refuses a speed of %d', (speed) => {
    expect(() => new CpuBurner(speed)).toThrow('iterations per ns above 0');
  });
});
