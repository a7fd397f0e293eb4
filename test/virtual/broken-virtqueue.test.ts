/** A guest that corrupts a virtqueue while frames flow: the ledger balances all the same, and the verdict names the queue. */
import { expect, it } from 'vitest';
import type { Joint } from '../../actors/actor.ts';
import { jointsAt } from '../../src/runtime/plan.ts';
import { VCPU_PORTS } from '../../actors/guest/vcpu-links.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import type { RunResult } from '../../src/experiment/run/run-result.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { DESC_BYTES } from '../../src/virtio/ring/split-layout.ts';

const BREAKS_AT_NS = 60e6;
const BREAKS_TIMES = 200;
const BREAKS_EVERY_NS = 10_000;
const WORDS = DESC_BYTES / 4;

type Direction = 'rx' | 'tx';

/**
 * A host whose guest writes bad addresses over all descriptors of its first vNIC's ring in the middle of a run, and
 * again for a while, since at one moment nothing may be posted there.
 */
class BreakingHost extends VirtualHost {
  direction: Direction = 'rx';
  private broken = false;

  override async advance(ns: number, interrupted?: Promise<unknown>): Promise<void> {
    const untilNs = this.nowNs() + ns;
    if (!this.broken && untilNs > BREAKS_AT_NS) {
      await super.advance(Math.max(0, BREAKS_AT_NS - this.nowNs()), interrupted);
      this.broken = true;
      for (let i = 0; i < BREAKS_TIMES; i++) {
        this.breakQueue();
        await super.advance(BREAKS_EVERY_NS, interrupted);
      }
    }
    await super.advance(untilNs - this.nowNs(), interrupted);
  }

  private breakQueue(): void {
    const vcpu = this.plan.threads.flatMap(({ actors }) => actors).find(({ name }) => name === 'vm0/vcpu0')!;
    const [{ link }]: readonly Joint<string, object>[] = jointsAt(vcpu, VCPU_PORTS.nic);
    if (!('nic' in link)) throw new Error('no virtio vNIC');
    const { layout } = (
      link as { nic: { pairs: Record<Direction, { layout: { descAddr: number; queueSize: number } }>[] } }
    ).nic.pairs[0][this.direction];
    const words = new Int32Array(this.memory.buffer('guest:vm0'), layout.descAddr, layout.queueSize * WORDS);
    for (let i = 0; i < words.length; i += WORDS) Atomics.store(words, i, 0x7fff_ff00);
  }
}

interface Case {
  readonly direction: Direction;
  readonly mode: string;
  readonly who: string;
  readonly rate?: string;
  readonly overrides?: readonly string[];
}

async function run({ direction, mode, rate = '60kpps', overrides = [] }: Case): Promise<RunResult> {
  const short = [`run.phases=[{name: load, duration: 200ms, rate: ${rate}}]`, 'run.warmup=20ms', 'expect=[]'];
  const modes = [0, 1].map((n) => `vms.0.nics.${n}.mode=${mode}`);
  const scenario = loadScenario('kvm-forum-2014', { overrides: [...short, ...modes, ...overrides] });
  const host = new BreakingHost(buildPlan(scenario), { seed: 1 });
  host.direction = direction;
  return runScenario(scenario, host, { signal: new AbortController().signal });
}

const PACKED = ['vms.0.nics.0.features=[mrg-rxbuf, event-idx, indirect-desc, ring-packed]'];

it.each<Case>([
  { direction: 'rx', mode: 'vhost', who: 'vhost-vnic0, which empties tap0,' },
  { direction: 'tx', mode: 'vhost', who: 'vhost-vnic0, which takes frames from the guest,' },
  { direction: 'rx', mode: 'vhost', who: 'vhost-vnic0, which empties tap0,', overrides: PACKED },
  { direction: 'rx', mode: 'vhost-feedback', who: 'vhost-vnic0, which empties tap0,' },
  { direction: 'tx', mode: 'accelerated', who: 'vhost-vnic0, which takes frames from the guest,' },
  { direction: 'rx', mode: 'qemu', who: 'qemu-vnic0, which empties tap0,' },
  { direction: 'rx', mode: 'direct', who: 'eth0, which takes the buffers that the guest posts,' },
])('$direction of $mode: the queue is the cause, the other direction goes on, no frame is missing', async (tried) => {
  const { ledger, verdict, virtqueueFaults, phases, integrity } = await run(tried);
  expect(ledger.faults).toEqual([]);
  expect(integrity).toMatchObject({ corruptFrames: 0, duplicateFrames: 0 });
  expect(virtqueueFaults).toHaveLength(1);
  const [{ actor, text }] = virtqueueFaults;
  expect(text).toMatch(/virtqueue broken, addressRange/);
  expect(verdict).toContain(`${actor} stopped serving ${text}.`);
  expect(verdict).toContain(`${tried.who} stopped serving ${text}`);
  const [broken, other] = phases[0].streams.map(({ lossRatio }) => lossRatio!).sort((a, b) => b - a);
  expect(broken).toBeGreaterThan(0.99);
  expect(other).toBeLessThan(0.01);
});

it('rx of accelerated, whose buffers wait in the ring only while vhost has no core: the same under a flood', async () => {
  const { ledger, verdict, virtqueueFaults } = await run({
    direction: 'rx',
    mode: 'accelerated',
    who: '',
    rate: '600kpps',
  });
  expect(ledger.faults).toEqual([]);
  expect(virtqueueFaults).toHaveLength(1);
  expect(verdict).toContain('vhost-vnic0, which takes the buffers that the guest posts, stopped serving vring 0');
});
