import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runScenario } from '../../src/experiment/run/run.ts';
import { ThreadHost } from '../../src/runtime/threads/thread-host.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';

const FORWARD = join(import.meta.dirname, '../../actors/guest/network-functions/ip-forward.ts');
/** A router that breaks on every hundredth frame. */
const SOURCE = `import { IpForward } from '${FORWARD}';
import type { RoutingConfig } from '${FORWARD}';

export default (guest: RoutingConfig) => {
  const router = new IpForward(guest);
  let frames = 0;
  return {
    name: 'brittle',
    drops: router.drops,
    process(bytes: Uint8Array, offset: number, length: number, port: number): number {
      if (++frames % 100 === 0) throw new Error('frame ' + frames);
      return router.process(bytes, offset, length, port);
    },
  };
};
`;

it('a function that throws on real threads loses those frames only, and says where', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vhostlab-nf-'));
  try {
    const path = join(folder, 'brittle.ts');
    writeFileSync(path, SOURCE);
    const overrides = [
      `vms.vm0.nf=${path}`,
      'run.warmup=300ms',
      'run.phases=[{name: only, rate: 20kpps, duration: 1s}]',
    ];
    const scenario = loadScenario('kvm-forum-2014', { overrides: [...overrides, 'expect=[]'] });
    const host = await ThreadHost.create(buildPlan(scenario));
    const result = await runScenario(scenario, host, { signal: new AbortController().signal });
    expect(result.ledger.faults).toEqual([]);
    expect(result.integrity).toEqual({ foreignFrames: 0, corruptFrames: 0, duplicateFrames: 0, reorderedFrames: 0 });
    for (const vcpu of ['vm0/vcpu0', 'vm0/vcpu1']) {
      const { rx_packets: received, nf_exceptions: thrown } = result.counters[vcpu];
      expect(thrown).toBe(Math.floor(received / 100));
    }
    expect(result.reports.map(({ actor, lines }) => [actor, lines[0]])).toEqual([['vm0/vcpu0', 'Error: frame 100']]);
    expect(result.reports[0].lines[1]).toContain(`${path}:11:39`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A router that takes its thread along once it has seen twenty thousand frames. */
const LETHAL = SOURCE.replace('++frames % 100 === 0', '++frames > 20_000').replace(
  "throw new Error('frame ' + frames)",
  'globalThis.process.exit(7)',
);

it('a thread that dies leaves what was measured until then', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vhostlab-nf-'));
  try {
    const path = join(folder, 'lethal.ts');
    writeFileSync(path, LETHAL);
    const phases = '[{name: calm, rate: 4kpps, duration: 500ms}, {name: busy, rate: 40kpps, duration: 30s}]';
    const overrides = [
      `vms.vm0.nf=${path}`,
      'run.warmup=100ms',
      'run.sampleInterval=100ms',
      `run.phases=${phases}`,
      'expect=[]',
    ];
    const scenario = loadScenario('kvm-forum-2014', { overrides });
    const host = await ThreadHost.create(buildPlan(scenario));
    const result = await runScenario(scenario, host, { signal: new AbortController().signal });
    expect(result.failure).toMatch(/^thread vm0\/vcpu[01] died: worker exited with code: 7$/);
    expect(result.exitCode).toBe(1);
    expect(result.phases[0]).toMatchObject({ name: 'calm', complete: true });
    expect(result.phases[0].total.deliveredFrames).toBeGreaterThan(0);
    expect(result.phases[1]).toMatchObject({ name: 'busy', complete: false });
    expect(result.ledger.faults).toEqual([`stock was not taken: ${result.failure}`]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
