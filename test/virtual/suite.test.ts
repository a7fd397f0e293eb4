import { beforeAll, describe, expect, it } from 'vitest';
import { runSuite } from '../../src/experiment/suite/suite.ts';
import type { SuiteResult } from '../../src/experiment/suite/suite-result.ts';
import { suiteLines } from '../../src/experiment/suite/suite-summary.ts';
import { QUICK_TIMING, STANDARD_TIMING } from '../../src/experiment/suite/suite-timing.ts';
import { loadVariants } from '../../src/experiment/sweep/variants.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';

const { goal } = QUICK_TIMING;

describe('RFC 2544 on the livelock', () => {
  let result: SuiteResult;
  const tests: string[] = [];

  beforeAll(async () => {
    const size = { flag: '--sizes', assignment: 'traffic.frameSize=64' };
    result = await runSuite(
      {
        hostKind: 'virtual',
        variants: loadVariants('livelock', [], [{ name: '64', overrides: [size] }]),
        load: { unit: 'frames', counted: null },
        timing: {
          ...QUICK_TIMING,
          goal: { ...goal, finalTrialNs: 1e8, durationSumNs: 1e8, initialTrialNs: 5e7, widthRatio: 0.05 },
          ...{ latencyNs: 1e8, latencyRepeats: 2, lossNs: 1e8, burstRepeats: 2, overloadNs: 2e8 },
        },
        warmupNs: 0,
        runInNs: 3e7,
      },
      {
        openBed: (variant) => openVirtualBed(variant),
        openHost: ({ scenario }) => Promise.resolve(new VirtualHost(buildPlan(scenario), { seed: scenario.seed })),
        signal: new AbortController().signal,
        watcher: { testing: (_, test) => tests.push(test) },
      },
    );
  }, 60_000);

  it('measures each test, valid and balanced', () => {
    expect(result).toMatchObject({ exitCode: 0, interrupted: false, kind: 'suite' });
    expect(result.sizes[0].doubts).toEqual([]);
    expect(tests).toContain('back-to-back frames');
  });

  it('loses more the more is offered, from all that the line carries down to nothing', () => {
    const { lossSteps, linePerSecond, throughputPerSecond } = result.sizes[0];
    const losses = lossSteps.map(({ lossRatio }) => lossRatio);
    expect(lossSteps[0]).toMatchObject({ share: 1, offeredPerSecond: linePerSecond });
    // But for what hangs in queues at either end of a trial.
    losses.slice(1).forEach((loss, i) => expect(loss).toBeLessThan(losses[i] + 0.002));
    expect(losses[0]).toBeGreaterThan(0.9);
    // A tenth of the line is more than is carried: there are never two steps without loss.
    expect(lossSteps.length).toBe(10);
    expect(throughputPerSecond).toBeLessThan(linePerSecond / 10);
  });

  it('finds latency, a burst that fills the first queue, and what is left under overload', () => {
    const { latency, backToBack, recovery, livelock, throughputPerSecond } = result.sizes[0];
    expect(latency!.typicalNs).toBeGreaterThan(10_000);
    expect(latency!.worstNs).toBeGreaterThan(latency!.typicalNs);
    expect(latency!.delayVariationNs).toBeLessThan(latency!.worstNs);
    expect(backToBack!.minFrames).toBeGreaterThan(256);
    expect(backToBack!.maxFrames).toBeLessThan(5000);
    expect(backToBack!.correctedBufferNs).toBeLessThan(backToBack!.impliedBufferNs);
    expect(recovery!.recoveryNs).not.toBeNull();
    expect(livelock!.mlfrrPerSecond).toBe(throughputPerSecond);
    expect(livelock!.atFourTimes!.deliveredPerSecond).toBeLessThan(0.5 * livelock!.peak.deliveredPerSecond);
    expect(livelock!.recovery.recoveryNs).toBeGreaterThan(0);
    expect(livelock!.recovery.recoveryNs).toBeLessThan(1e9);
  });

  it('says when it conforms to nothing', () => {
    const plain = (of: SuiteResult): string => suiteLines(of, 100, (_style, text) => text).join('\n');
    expect(plain(result)).toContain('nothing here conforms to it');
    expect(plain({ ...result, timing: STANDARD_TIMING })).not.toContain('conforms');
    expect(suiteLines(result, 100, (_style, text) => text).every((line) => line.length <= 100)).toBe(true);
  });
});
