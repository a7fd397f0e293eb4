/** vNICs in VLANs: who gets which frames, with which tag they leave, and what a wrong tag comes to. */
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import type { Plan } from '../../src/runtime/plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const SHORT = ['expect=[]', 'run.warmup=100ms', 'run.phases=[{ name: calm, rate: 20kpps, duration: 200ms }]'];

async function run(overrides: readonly string[] = [], change: (plan: Plan) => Plan = (plan) => plan) {
  const scenario = loadScenario('vlans', { overrides: [...SHORT, ...overrides] });
  const host = new VirtualHost(change(buildPlan(scenario)), { seed: 1 });
  const result = await runScenario(scenario, host, { signal: new AbortController().signal });
  expect(result.ledger.faults).toEqual([]);
  return result;
}

/** The same plan with streams sent in other VLANs. */
function sendIn(vlans: Record<string, number>) {
  return (plan: Plan): Plan => ({
    ...plan,
    threads: plan.threads.map((thread) => ({
      ...thread,
      actors: thread.actors.map((actor) =>
        actor.spec.kind !== 'generator' || actor.name !== 'generator-eth0'
          ? actor
          : {
              ...actor,
              spec: {
                ...actor.spec,
                config: {
                  ...actor.spec.config,
                  sources: actor.spec.config.sources.map((source, i) => ({
                    ...source,
                    vlan: vlans[['red', 'blue'][i]],
                  })),
                },
              },
            },
      ),
    })),
  });
}

const INTACT = { foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 };

describe('two vNICs of one address', () => {
  it.each(['dpaa', 'sriov'])(
    'each get the frames of their VLAN, by %s, and their frames leave in it',
    async (provider) => {
      const nics = ['red.nics.red0', 'red.nics.red1', 'blue.nics.blue0', 'blue.nics.blue1'];
      const { phases, integrity } = await run(nics.map((nic) => `vms.${nic}.acceleration.provider=${provider}`));
      expect(integrity).toEqual(INTACT);
      for (const { lossRatio, deliveredFrames } of phases[0].streams) {
        expect(lossRatio).toBe(0);
        expect(deliveredFrames).toBeGreaterThan(3900);
      }
    },
  );

  it('are told apart in mode direct, too', async () => {
    const nics = ['red.nics.red0', 'red.nics.red1', 'blue.nics.blue0', 'blue.nics.blue1'];
    const { phases, integrity } = await run(nics.map((nic) => `vms.${nic}.mode=direct`));
    expect(integrity).toEqual(INTACT);
    expect(phases[0].total.lossRatio).toBe(0);
  });

  it('get none of a VLAN that is nobody\u2019s: those go to the host, whose bridge knows no such address', async () => {
    const { phases, counters } = await run([], sendIn({ red: 30, blue: 20 }));
    const [red, blue] = phases[0].streams;
    expect(red.deliveredFrames).toBe(0);
    expect(blue.lossRatio).toBe(0);
    expect(counters['red/vcpu0'].rx_packets).toBe(0);
    expect(counters.eth0.rx_to_host).toBeGreaterThan(3900);
  });

  it('get none without a tag', async () => {
    const { counters } = await run([], sendIn({ red: 0, blue: 20 }));
    expect(counters['red/vcpu0'].rx_packets).toBe(0);
  });

  it('show a frame that left in another VLAN than its own as corrupt', async () => {
    const { integrity, counters } = await run([], sendIn({ red: 20, blue: 20 }));
    expect(integrity.corruptFrames).toBeGreaterThan(3900);
    expect(counters['red/vcpu0'].rx_packets).toBe(0);
  });
});

describe('a scenario', () => {
  it('may not put a vNIC behind a bridge into a VLAN', () => {
    expect(() => loadScenario('vlans', { overrides: ['vms.red.nics.red0.mode=vhost'] })).toThrow(
      /vlan.*found 10 with mode vhost, allowed: none, or mode accelerated or direct/,
    );
  });

  it('may not give two vNICs one address in one VLAN', () => {
    expect(() => loadScenario('vlans', { overrides: ['vms.blue.nics.blue0.vlan=10'] })).toThrow(
      /52:54:00:00:00:01 in VLAN 10/,
    );
  });

  it('says which VIDs there are', () => {
    expect(() => loadScenario('vlans', { overrides: ['vms.red.nics.red0.vlan=4095'] })).toThrow(/4094/);
  });
});
