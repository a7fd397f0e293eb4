import { describe, expect, it } from 'vitest';
import { describeLateness } from '../../../src/experiment/run/lateness.ts';
import { counterTable, requestedFps } from '../../../src/experiment/run/phase-result.ts';
import { takeSnapshot } from '../../../src/metrics/derive/snapshot.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { StillHost } from '../../support/still-host.ts';

/** Of each generator what its frames meet, and how long that lasts, in the first phase. */
function limitsOf(name: string, ...overrides: string[]): Record<string, readonly [string, number | null]> {
  const scenario = loadScenario(name, { overrides: ['expect=[]', ...overrides] });
  const plan = buildPlan(scenario);
  const snapshot = takeSnapshot(new StillHost(plan));
  const rates = requestedFps(scenario, scenario.run.phases[0]);
  const counters = counterTable(plan, null, snapshot);
  const lateness = describeLateness(plan, scenario, rates, counters, [snapshot, snapshot]);
  return Object.fromEntries(lateness.map(({ generator, meets, limitNs }) => [generator, [meets, limitNs]]));
}

const AT_500K = 'run.phases=[{name: a, rate: 1Mpps, duration: 1s}]';

describe('how late a generator may be', () => {
  it('is as long as the receive ring lasts where frames go through the host', () => {
    const limits = limitsOf('livelock', AT_500K, 'ports.eth0.rxRing=512');
    expect(limits['generator-eth0']).toEqual(['receive ring of eth0', 1_024_000]);
    expect(limits['generator-eth1']).toEqual(['receive ring of eth1', 4_096_000]);
  });

  it('is as long as the pool or queue of the vNIC lasts where the card serves it, whatever ring the port has', () => {
    const accelerated = limitsOf('accelerated', AT_500K, 'ports.eth0.rxRing=4096');
    expect(accelerated['generator-eth0']).toEqual(['buffer pool of vnic0', 512_000]);
    const direct = limitsOf('direct', AT_500K, 'vms.vm0.nics.vnic1.queueSize=1024');
    expect(direct['generator-eth1']).toEqual(['receive queue of vnic1', 2_048_000]);
  });

  it('is of several vNICs that of the one whose buffers are gone first', () => {
    const rated = (rate: string) =>
      limitsOf('noisy-neighbour-accelerated', `run.phases=[{name: a, rate: ${rate}, duration: 1s}]`);
    expect(rated('1kpps')['generator-eth0']).toEqual(['buffer pool of quiet0', 12_800_000]);
    expect(rated('256kpps')['generator-eth0']).toEqual(['buffer pool of noisy0', 1_000_000]);
  });

  it('has no limit while nothing is sent', () => {
    const [, limitNs] = limitsOf('livelock', 'run.phases=[{name: a, rate: 0pps, duration: 1s}]')['generator-eth0'];
    expect(limitNs).toBeNull();
  });
});
