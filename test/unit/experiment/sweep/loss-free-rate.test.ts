import { describe, expect, it } from 'vitest';
import { measureLossFreeRate } from '../../../../src/experiment/sweep/loss-free-rate.ts';
import type { LossFreeRequest } from '../../../../src/experiment/sweep/loss-free-rate.ts';
import type { Trial, TrialRequest } from '../../../../src/experiment/bed/test-bed.ts';
import { judgeValidity } from '../../../../src/experiment/judge/validity.ts';
import { loadScenario } from '../../../../src/plan/load-scenario.ts';
import { phaseOf } from '../../../support/phase-results.ts';

const REQUEST: LossFreeRequest = {
  load: { unit: 'frames', counted: null },
  lossRatioMax: 0.005,
  probeNs: 5e8,
  runInNs: 0,
  startPerSecond: 50_000,
  signal: new AbortController().signal,
};
const core = { core: 0, foreignRatio: 0, stealRatio: 0, excusedRatio: 0 };

/** A bed that carries `carried` frames/s, behind a generator that sends `sent`, beside others that take `foreign`. */
function bedOf({ carried = Infinity, sent = Infinity, foreign = 0 }, foreignFrom = 0) {
  const variant = { name: 'vhost', overrides: [], scenario: loadScenario('kvm-forum-2014') };
  const trial = ({ rate }: TrialRequest): Promise<Trial> => {
    const perSecond = rate.kind === 'frames' ? rate.perSecond : 0;
    const [offeredFrames, sentFrames] = [perSecond, Math.min(sent, perSecond)].map((fps) => Math.round(fps * 5));
    const lost = Math.max(0, sentFrames - Math.round(carried * 5)) * 2;
    const drops = [
      { place: 'tap', actor: 'tap0', counter: 'tx_dropped', reason: 'tap queue full', frames: lost } as const,
    ];
    const cores = [{ ...core, foreignRatio: perSecond >= foreignFrom ? foreign : 0 }];
    const phase = phaseOf({ offeredFrames, sentFrames, drops: lost > 0 ? drops : [], cores });
    return Promise.resolve({ seed: 1, phase, validity: judgeValidity([phase], []), coreRoundTripNs: null });
  };
  return { variant, ahead: 0, foresee: () => undefined, trial };
}

describe('the loss-free rate of a variant', () => {
  it('is what the host carries, where the generator could send more', async () => {
    const found = await measureLossFreeRate(bedOf({ carried: 100_000 }), REQUEST);
    expect(found.lossFreePerSecond).toBeGreaterThan(95_000);
    expect(found.lossFreePerSecond).toBeLessThanOrEqual(100_000 / 0.995);
    expect(found).toMatchObject({ generatorLimited: false, failure: null });
  });

  it('is never more than what the generator sent, and says that this was the limit', async () => {
    const found = await measureLossFreeRate(bedOf({ sent: 200_000 }), REQUEST);
    expect(found.lossFreePerSecond).toBeLessThanOrEqual(200_000 / 0.999);
    expect(found.lossFreePerSecond).toBeGreaterThan(190_000);
    expect(found).toMatchObject({ generatorLimited: true, failure: null });
    expect(found.probes.some(({ validTrials, unsentRatio }) => validTrials === 0 && unsentRatio > 0.1)).toBe(true);
  });

  it('is not known where the generator cannot send even the least rate', async () => {
    const found = await measureLossFreeRate(bedOf({ sent: 100 }), REQUEST);
    expect(found.lossFreePerSecond).toBeNull();
    expect(found.failure).toMatch(/^the generator is the limit even at .*frames\/s: flood: the generator of /);
  });

  it('is not taken from trials that others disturbed', async () => {
    const found = await measureLossFreeRate(bedOf({ carried: 400_000, foreign: 0.5 }, 80_000), REQUEST);
    expect(found.lossFreePerSecond).toBeNull();
    expect(found.failure).toBe('no trial at 100 k frames/s was valid: flood: something else took 50 % of core 0');
  });

  it('takes the threshold it is given', async () => {
    const strict = await measureLossFreeRate(bedOf({ carried: 100_000 }), { ...REQUEST, lossRatioMax: 0 });
    expect(strict.lossFreePerSecond).toBeLessThanOrEqual(100_000);
    const loose = await measureLossFreeRate(bedOf({ carried: 100_000 }), { ...REQUEST, lossRatioMax: 0.2 });
    expect(loose.lossFreePerSecond).toBeGreaterThan(115_000);
  });
});
