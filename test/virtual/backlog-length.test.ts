import { expect, it } from 'vitest';
import type { SoftirqBacklogLink, SoftirqNicLink } from '../../actors/softirq-links.ts';
import { waitUntilReady } from '../../src/experiment/readiness.ts';
import { setRates } from '../../src/experiment/throttle.ts';
import { BacklogLength } from '../../src/memory/backlog-length.ts';
import { ringDepth } from '../../src/memory/id-ring.ts';
import type { RingRef } from '../../src/memory/id-ring.ts';
import { VirtualHost } from '../../src/runtime/virtual-host.ts';
import { buildPlan } from '../../src/topology/build-plan.ts';
import { parseScenario } from '../../src/topology/scenario-file.ts';

const RATE_FPS = 100_000;

/** The talk's test bed, and one whose second port is on another CPU than the bridge. */
const SCENARIOS = [
  ['on one CPU', ''],
  [
    'from CPU to CPU',
    'host: { softirqCpus: 2 }\nports: [{ name: eth0, cpu: 0 }, { name: eth1, cpu: 1 }]\n' +
      'bridges: [{ name: br0, ports: [eth0, eth1, tap0, tap1] }]\n' +
      'traffic: { streams: [{ from: eth0, to: eth1, via: vnic0 }, { from: eth1, to: eth0, via: vnic1 }] }\n',
  ],
] as const;

it.each(SCENARIOS)('the backlog of each CPU is as long as what lies in its rings: %s', async (_name, text) => {
  const plan = buildPlan(parseScenario(text, 'backlog.yaml'));
  const host = new VirtualHost(plan);
  try {
    await host.start();
    await waitUntilReady(host);
    setRates(host, [RATE_FPS, RATE_FPS]);
    const cpus = plan.threads
      .flatMap(({ actors }) => actors)
      .flatMap(({ spec, attachments }) =>
        spec.kind === 'softirq'
          ? [{ length: new BacklogLength(host.memory, spec.config.backlogLength), rings: backlogsIn(attachments) }]
          : [],
      );
    await host.advance(20e6);
    let most = 0;
    for (let step = 0; step < 200; step++) {
      await host.advance(50e3);
      for (const { length, rings } of cpus) {
        const frames = rings.reduce((sum, ring) => sum + ringDepth(host.memory, ring), 0);
        expect(length.frames).toBe(frames);
        most = Math.max(most, frames);
      }
    }
    expect(most).toBeGreaterThan(0);
  } finally {
    await host.stop();
  }
});

function backlogsIn(attachments: readonly { readonly link: object }[]): RingRef[] {
  const links = attachments.map(({ link }) => link as SoftirqNicLink | SoftirqBacklogLink);
  return links.flatMap((link) => (link.kind === 'backlog' ? [link.from] : []));
}
