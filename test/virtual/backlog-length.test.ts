import { expect, it } from 'vitest';
import { SOFTIRQ_PORTS } from '../../actors/host/softirq-links.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import { waitUntilReady } from '../../src/experiment/run/readiness.ts';
import { setRates } from '../../src/experiment/run/throttle.ts';
import { BacklogLength } from '../../src/kernel/backlog-length.ts';
import { ringDepth } from '../../src/memory/id-ring.ts';
import { jointsAt } from '../../src/runtime/plan.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario, parseScenario } from '../../src/plan/load-scenario.ts';

const RATE_FPS = 100_000;

/** The talk's test bed, and one whose frames cross to the bridge's CPU and from a worker's; CPUs with a backlog. */
const SCENARIOS = [
  ['on one CPU', '', 1],
  [
    'from CPU to CPU',
    'host: { softirqCpus: 3 }\nports: [{ name: eth0, cpu: 0 }, { name: eth1, cpu: 1 }]\n' +
      'bridges: [{ name: br0, ports: [eth0, eth1, tap0, tap1] }]\n' +
      'vms: [{ name: vm0, nics: [{ name: a, tap: { name: tap0 } }, { name: b, tap: { name: tap1 }, vhost: { cpu: 2 } }],\n' +
      '  nf: { routes: [{ prefix: 198.18.0.0/24, nic: a, gatewayMac: "02:00:00:00:00:01" },\n' +
      '    { prefix: 198.18.1.0/24, nic: b, gatewayMac: "02:00:00:00:00:02" }] } }]\n' +
      'traffic: { streams: [{ from: eth0, to: eth1, via: a }, { from: eth1, to: eth0, via: b }] }\n',
    2,
  ],
] as const;

it.each(SCENARIOS)('the backlog of each CPU is as long as what lies in its rings: %s', async (_name, text, cpus) => {
  const plan = buildPlan(parseScenario(text, 'backlog.yaml'));
  const host = new VirtualHost(plan);
  try {
    await host.start();
    await waitUntilReady(host);
    setRates(host, [RATE_FPS, RATE_FPS]);
    await host.advance(20e6);
    const most = backlogs(host).map(() => 0);
    for (let step = 0; step < 200; step++) {
      await host.advance(50e3);
      for (const [cpu, { length, frames }] of backlogs(host).entries()) {
        expect(length).toBe(frames);
        most[cpu] = Math.max(most[cpu], frames);
      }
    }
    expect(most.filter((frames) => frames > 0)).toHaveLength(cpus);
  } finally {
    await host.stop();
  }
});

it('and it still is when VMs have come and gone', async () => {
  const overrides = ['run.warmup=20ms', 'run.settle=20ms'];
  const scenario = loadScenario('scale-out', { overrides });
  const host = new VirtualHost(buildPlan(scenario));
  await runScenario(scenario, host, { signal: new AbortController().signal });
  for (const { length, frames } of backlogs(host)) expect(length).toBe(frames);
});

/** By softirq CPU: what its word says, and what lies in its rings. */
function backlogs({ plan, memory }: VirtualHost): { readonly length: number; readonly frames: number }[] {
  const actors = plan.threads.flatMap((thread) => thread.actors);
  return actors.flatMap((actor) => {
    const { spec } = actor;
    if (spec.kind !== 'softirq') return [];
    const { frames: length } = new BacklogLength(memory, spec.config.backlogLength);
    return [
      {
        length,
        frames: jointsAt(actor, SOFTIRQ_PORTS.source).reduce((sum, { link }) => sum + ringDepth(memory, link.from), 0),
      },
    ];
  });
}
