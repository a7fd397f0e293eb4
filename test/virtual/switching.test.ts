/** The switch between vNICs of one card: frames from queue to queue, and what it does not know. */
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { summaryLines } from '../../src/experiment/tell/summary.ts';
import { paintFor } from '../../src/metrics/text/text-table.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

/** The co-located pair with each VM's vNIC in a mode of its own. */
async function run(firewall: string, server: string, phase = '{ name: calm, rate: 1kpps, duration: 500ms }') {
  const scenario = loadScenario('co-located', {
    overrides: [
      'expect=[]',
      'run.warmup=100ms',
      'run.settle=200ms',
      `run.phases=[${phase}]`,
      `vms.fw.nics.fw0.mode=${firewall}`,
      `vms.web.nics.web0.mode=${server}`,
    ],
  });
  const host = new VirtualHost(buildPlan(scenario), { seed: 1 });
  const result = await runScenario(scenario, host, { signal: new AbortController().signal });
  expect(result.ledger.faults).toEqual([]);
  expect(result.integrity).toMatchObject({ corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
  return result;
}

function requests({ phases }: RunResult) {
  return phases[0].streams.find(({ name }) => name === 'requests')!;
}

describe('vNICs of one card', () => {
  it.each([
    ['accelerated', 'accelerated'],
    ['direct', 'direct'],
    ['direct', 'accelerated'],
  ])('%s and %s reach each other without the wire or the host', async (firewall, server) => {
    const result = await run(firewall, server);
    const { eth0, softirq0 } = result.counters;
    expect(requests(result).lossRatio).toBeLessThan(0.001);
    expect(eth0.tx_switched).toBe(2 * result.counters['sink-eth0'].rx_requests);
    expect(softirq0.rx_packets).toBe(0);
  });

  it('lose frames for a guest that posts no buffers there, at its pool', async () => {
    const result = await run('accelerated', 'accelerated', '{ name: s, rate: 1kpps, duration: 500ms, stopped: [web] }');
    const lost = result.phases[0].drops.find(({ counter }) => counter === 'tx_switched_no_buffer');
    expect(lost).toMatchObject({ place: 'pool', actor: 'eth0' });
    expect(lost!.frames).toBeGreaterThan(1000);
    // The card numbers the firewall's vNIC first.
    const { vnic0_no_buffer, vnic1_no_buffer, rx_pool_depleted, tx_switched_no_buffer } = result.counters.eth0;
    expect(vnic0_no_buffer + vnic1_no_buffer).toBe(rx_pool_depleted + tx_switched_no_buffer);
    expect(vnic1_no_buffer).toBeGreaterThan(1000);
    expect(vnic1_no_buffer).toBeGreaterThan(vnic0_no_buffer);
  });
});

describe('an accelerated vNIC beside one behind the bridge', () => {
  it('is reached from the bridge through the card', async () => {
    const result = await run('vhost', 'accelerated');
    expect(result.counters.eth0.tx_switched).toBeGreaterThan(5000);
    expect(result.counters['web/vcpu0'].rx_packets).toBeGreaterThan(5000);
  });

  it('does not reach it: the card has not been told of addresses behind the bridge, and sends to the wire', async () => {
    const result = await run('vhost', 'accelerated');
    const { eth0 } = result.counters;
    expect(eth0.tx_packets).toBeGreaterThan(0.95 * eth0.tx_switched);
    // There nobody takes the answers: they bear the address of the firewall, which sees none of them.
    const { rx_requests: delivered, rx_foreign: foreign } = result.counters['sink-eth0'];
    expect([delivered, requests(result).lossRatio]).toEqual([0, 1]);
    expect(foreign).toBeGreaterThan(5000);
    expect(result.counters['fw/vcpu0'].tx_packets).toBeLessThan(1.1 * eth0.tx_switched);
    expect(result.integrity.foreignFrames).toBe(foreign);
    expect(result.phases[0].total.lossRatio).toBe(1);
    const summary = summaryLines(result, 100, paintFor(false)).join('\n');
    expect(summary).toMatch(
      /Where frames were lost in phase calm: 8 k of 8 k\n +sink-eth0 +for nobody on that wire .* 94 %\n/,
    );
    expect(result.verdict).toMatch(/^In phase calm 100 % of 8 k frames were lost\. /);
    expect(result.verdict).toContain('(7.5 k) came out on the wire at eth0 and were for nobody there.');
  });
});
