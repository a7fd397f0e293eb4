import { beforeAll, describe, expect, it } from 'vitest';
import { EXIT_INTERRUPTED, EXIT_OK } from '../../src/experiment/run/exit-codes.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import { summaryLines } from '../../src/experiment/tell/summary.ts';
import type { IntervalRecord } from '../../src/metrics/derive/interval-record.ts';
import type { LiveRun } from '../../src/metrics/derive/live-run.ts';
import { paintFor } from '../../src/metrics/text/text-table.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

/** What passes at the beginning of every phase before it is measured, in intervals of 10 ms. */
const RUN_IN_INTERVALS = 50;
const times = (count: number, text: string): string[] => Array<string>(count).fill(text);

/** The default scenario, a few virtual milliseconds of it. */
const scenario = loadScenario('kvm-forum-2014', {
  overrides: [
    'expect=[]',
    'run.warmup=4ms',
    'run.settle=400ms',
    'run.sampleInterval=10ms',
    'run.phases.0.duration=25ms',
    'run.phases.1.duration=30ms',
  ],
});
const openHost = () => new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
const NEVER = new AbortController().signal;

describe('a run from end to end', () => {
  let result: RunResult;
  let live: LiveRun | null = null;
  const seen: IntervalRecord[] = [];
  let readyAfterNs = -1;

  beforeAll(async () => {
    result = await runScenario(scenario, openHost(), {
      signal: NEVER,
      ready: (ns) => {
        readyAfterNs = ns;
        return Promise.resolve();
      },
      watch: (run) => {
        live = run;
        run.intervals.subscribe((record) => seen.push(record));
      },
    });
  });

  it('ends well, with a ledger that balances', () => {
    expect(result.ledger.faults).toEqual([]);
    expect(result.validity).toEqual({ status: 'valid', reasons: [], notes: [] });
    expect(result).toMatchObject({ exitCode: EXIT_OK, interrupted: false, seed: scenario.seed });
    expect(result.integrity).toEqual({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
  });

  it('waits for the guest before it sends', () => {
    expect(readyAfterNs).toBeGreaterThan(0);
    expect(result.readyAfterNs).toBe(readyAfterNs);
  });

  it('offers each phase what it asks for, and delivers the comfortable one whole', () => {
    const [comfortable, flood] = result.phases;
    expect(comfortable).toMatchObject({
      name: 'comfortable',
      rate: '80kpps',
      elapsedNs: 25e6,
      complete: true,
      drops: [],
    });
    expect(comfortable.total.lossRatio).toBe(0);
    expect(Math.abs(comfortable.total.offeredFrames - 2000)).toBeLessThan(20);
    expect(Math.abs(flood.total.offeredFrames / (2 * 297_619 * 0.03) - 1)).toBeLessThan(0.01);
    expect(flood.total.droppedFrames).toBeGreaterThan(flood.total.sentFrames / 2);
    expect(flood.latencyAll!.p50Ns).toBeGreaterThan(comfortable.latencyAll!.p50Ns);
  });

  it('samples every part, in step, without an interval in two phases', () => {
    const lengths = seen.map(({ phase, elapsedNs }) => `${phase} ${elapsedNs / 1e6}`);
    expect(lengths).toEqual([
      'warm-up 4',
      ...times(RUN_IN_INTERVALS + 2, 'comfortable 10'),
      'comfortable 5',
      ...times(RUN_IN_INTERVALS + 3, 'flood 10'),
      ...times(40, 'settle 10'),
    ]);
    expect(result.samples).toEqual(seen);
    expect(live!.heading.parts.map(({ name }) => name)).toEqual(['warm-up', 'comfortable', 'flood', 'settle']);
  });

  it('tells in its summary what was lost and why', () => {
    const lines = summaryLines(result, 100, paintFor(false));
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100);
    const text = lines.join('\n');
    for (const title of [
      'Traffic, frames/s',
      'Where frames were lost in phase flood',
      'Ledger',
      'Validity',
      'What limited',
    ]) {
      expect(text).toContain(title);
    }
    expect(text).not.toContain('in phase comfortable:');
    expect(result.verdict).toMatch(/^In phase flood .* Phase comfortable lost nothing\.$/);
  });
});

describe('a run that breaks off', () => {
  /** A host on which something breaks after that much virtual time. */
  const breakingAt = (atNs: number): VirtualHost => {
    const host = openHost();
    const advance = host.advance.bind(host);
    host.advance = (ns) => (host.nowNs() < atNs ? advance(ns) : Promise.reject(new Error('a fault')));
    return host;
  };
  const signal = new AbortController().signal;

  it('keeps what was measured until then, and says that stock was not taken', async () => {
    const whole = await runScenario(scenario, openHost(), { signal });
    const flood = whole.samples.filter(({ phase }) => phase === 'flood');
    const broken = await runScenario(scenario, breakingAt(flood.at(-2)!.monotonicNs), { signal });
    expect(broken).toMatchObject({ failure: 'a fault', exitCode: 1, ledger: { balanced: false } });
    expect(broken.ledger.faults).toEqual(['stock was not taken: a fault']);
    expect(broken.phases.map(({ name, complete }) => [name, complete])).toEqual([
      ['comfortable', true],
      ['flood', false],
    ]);
    expect(broken.phases[0].total).toEqual(whole.phases[0].total);
    expect(broken.phases[1].total.deliveredFrames).toBeGreaterThan(0);
    expect(broken.samples).toEqual(whole.samples.slice(0, broken.samples.length));
    const [, told] = summaryLines(broken, 100, (_style, text) => text);
    expect(told).toBe('The run broke off: a fault. What follows was measured until then.');
  });

  it('throws where nothing was measured', async () => {
    await expect(runScenario(scenario, breakingAt(0), { signal })).rejects.toThrow('a fault');
  });
});

describe('a run that the user ends', () => {
  it('still takes stock, in the middle of a flood', async () => {
    const controller = new AbortController();
    let floodIntervals = 0;
    const result = await runScenario(scenario, openHost(), {
      signal: controller.signal,
      watch: ({ intervals }) =>
        intervals.subscribe(({ phase }) => {
          if (phase === 'flood' && ++floodIntervals > RUN_IN_INTERVALS) controller.abort();
        }),
    });
    expect(result.ledger.faults).toEqual([]);
    expect(result).toMatchObject({ exitCode: EXIT_INTERRUPTED, interrupted: true });
    expect(result.phases.map(({ name, complete }) => [name, complete])).toEqual([
      ['comfortable', true],
      ['flood', false],
    ]);
  });

  it('takes stock before any traffic too', async () => {
    const result = await runScenario(scenario, openHost(), { signal: AbortSignal.abort() });
    expect(result.ledger).toMatchObject({ balanced: true, sentFrames: 0 });
    expect(result).toMatchObject({ exitCode: EXIT_INTERRUPTED, phases: [] });
  });
});
