import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MODES, MODE_SCENARIO } from '../bench/modes.ts';
import type { AllocationsOrder, AllocationsPoint } from '../support/allocations-child.ts';

const CHILD = fileURLToPath(new URL('../support/allocations-child.ts', import.meta.url));
/** Both loads are carried on two cores; the second has five times the frames of the first. */
const RATES_PPS = [40e3, 200e3];
/** A vCPU that litters while its allocations are sampled is slow: at more than this the guest is overloaded. */
const LITTER_RATES_PPS = [10e3, 50e3];
const WARM_UP_MS = 2000;
const LOAD_MS = 2000;
/** The least that can be allocated, a number that is no small integer, takes 16 bytes. */
const BYTES_A_FRAME_MAX = 8;
/** The hardware thread hands times about: V8 boxes one wherever it does not inline the call, which it decides anew. */
const HARDWARE_BYTES_A_FRAME_MAX = 40;

const run = promisify(execFile);

/** Where others took the cores, too few frames pass to tell: then it is measured again, and finally skipped. */
const MEASUREMENTS_MAX = 3;

/**
 * Functions that allocated more under the second load than under the first: bytes for each frame that it had more. Null
 * when too few frames passed in every measurement.
 */
async function growing(overrides: readonly string[], litter: boolean): Promise<string[] | null> {
  const ratesPps = litter ? LITTER_RATES_PPS : RATES_PPS;
  for (let i = 0; i < MEASUREMENTS_MAX; i++) {
    const [few, many] = await measure({
      scenario: MODE_SCENARIO,
      overrides,
      ratesPps,
      warmUpMs: WARM_UP_MS,
      loadMs: LOAD_MS,
      litter,
    });
    if (many.frames > (ratesPps[1] * LOAD_MS) / 1000) return moreOf(few, many);
  }
  return null;
}

async function measure(order: AllocationsOrder): Promise<AllocationsPoint[]> {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', CHILD, JSON.stringify(order)]);
  return JSON.parse(stdout) as AllocationsPoint[];
}

function moreOf(few: AllocationsPoint, many: AllocationsPoint): string[] {
  const frames = many.frames - few.frames;
  return Object.entries(many.threads).flatMap(([thread, functions]) =>
    Object.entries(functions).flatMap(([name, bytes]) => {
      const perFrame = (bytes - (few.threads[thread][name] ?? 0)) / frames;
      const most = thread.startsWith('hardware') ? HARDWARE_BYTES_A_FRAME_MAX : BYTES_A_FRAME_MAX;
      return perFrame > most ? [`${thread}: ${name}: ${perFrame.toFixed(1)} bytes a frame`] : [];
    }),
  );
}

describe('no function of any thread allocates for each frame', () => {
  it.for(MODES)('mode $name', { timeout: 90_000 }, async ({ overrides }, { skip }) => {
    const found = await growing(overrides, false);
    if (found === null) return skip('too few frames passed');
    expect(found).toEqual([]);
  });

  it('and one that did would be found', { timeout: 90_000 }, async ({ skip }) => {
    const found = await growing(MODES[0].overrides, true);
    if (found === null) return skip('too few frames passed');
    expect(found.filter((line) => /^vm0\/vcpu\d: pollAndLitter/.test(line))).toHaveLength(2);
  });
});
