import { describe, expect, it } from 'vitest';
import { VCPU_PORTS } from '../../../actors/guest/vcpu-links.ts';
import { THROTTLE_CHANGES_WORD, THROTTLE_RATES_DOUBLE } from '../../../actors/wire/generator.ts';
import { waitUntilReady } from '../../../src/experiment/run/readiness.ts';
import { setRates, stopTraffic } from '../../../src/experiment/run/throttle.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { jointsAt } from '../../../src/runtime/plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { StillHost } from '../../support/still-host.ts';

const plan = buildPlan(loadScenario('kvm-forum-2014'));
const owned = plan.threads
  .flatMap(({ actors }) => actors)
  .flatMap((vcpu) => jointsAt(vcpu, VCPU_PORTS.nic).map(({ link }) => link))
  .filter(({ owner }) => owner);

describe('waiting for the guest', () => {
  it('ends when every vNIC is up', async () => {
    const host = new StillHost(plan);
    expect(owned).toHaveLength(2);
    for (const { published } of owned) host.memory.words(published)[0] = 1;
    expect(await waitUntilReady(host)).toBe(0);
  });

  it('gives up with what the VM has to say, naming the vNIC that is down', async () => {
    const host = new StillHost(plan);
    host.memory.words(owned[0].published)[0] = 1;
    await expect(waitUntilReady(host)).rejects.toThrow(
      /^the guest did not bring up vNIC 1 of vm0\/vcpu1 within 5 s\nvm0\/vcpu0 reports:\n {2}vm0\/vcpu0 has stood still\n/,
    );
  });

  it('ends when the user does not want to wait', async () => {
    expect(await waitUntilReady(new StillHost(plan), undefined, () => true)).toBe(0);
  });
});

describe('rates', () => {
  it('reach each generator in the place of its stream, and are announced', () => {
    const host = new StillHost(plan);
    const read = () =>
      plan.ports.map(({ throttle }) => [
        host.memory.words(throttle)[THROTTLE_CHANGES_WORD],
        host.memory.doubles(throttle)[THROTTLE_RATES_DOUBLE],
      ]);
    setRates(host, [1000, 2000]);
    expect(read()).toEqual([
      [1, 1000],
      [1, 2000],
    ]);
    stopTraffic(host);
    expect(read()).toEqual([
      [2, 0],
      [2, 0],
    ]);
  });
});
