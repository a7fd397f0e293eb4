import { Memory } from '../../src/memory/arena.ts';
import { fillDepot } from '../../src/memory/magazine.ts';
import type { Host, Stock, ThreadPlace, ThreadUse } from '../../src/runtime/host.ts';
import type { Plan } from '../../src/runtime/plan.ts';

/**
 * A host in which nothing moves: real memory laid out by a real plan, counters and holdings as the test sets them. At
 * first it is the host of a run that has not begun: every slot is held, every guest buffer lies in its depot.
 */
export class StillHost implements Host {
  readonly kind = 'threads';
  readonly makesSystemCalls = false;
  readonly plan: Plan;
  readonly memory: Memory;
  readonly places: readonly ThreadPlace[];
  readonly header: readonly string[] = [];
  readonly coreDistance = null;
  readonly oversubscribed: readonly string[] = [];
  readonly absent = new Set<string>();
  clockNs = 0;
  uses: ThreadUse[] = [];
  slots: number[];
  frames = 0;
  guestBuffers: { vm: string; addresses: number[] }[] = [];

  constructor(plan: Plan) {
    this.plan = plan;
    this.memory = new Memory(
      'the test',
      plan.buffers.map(({ name, bytes }) => [name, new SharedArrayBuffer(bytes)] as const),
    );
    for (const { depot, addresses } of plan.guests) fillDepot(this.memory, depot, addresses);
    this.places = plan.threads.map(({ name, kind }) => ({ name, core: kind === 'hardware' ? 1 : 0, policy: 'nice 0' }));
    this.slots = plan.pools.flatMap(({ firstId, slots }) => Array.from({ length: slots }, (_, i) => firstId + i));
  }

  /** Adds to one counter. @throws when the actor has no such counter. */
  count(actor: string, counter: string, by: number): void {
    const found = this.plan.threads.flatMap(({ actors }) => actors).find(({ name }) => name === actor);
    const index = found?.counters.findIndex(({ name }) => name === counter) ?? -1;
    if (index < 0) throw new Error(`${actor} has no counter ${counter}`);
    this.memory.doubles(found!.counterRegion!)[index] += by;
  }

  /** Counts frames that pass from eth0 to eth1 of kvm-forum-2014 and all arrive. */
  countPassage(frames: number): void {
    for (const [actor, ...counters] of PASSAGE) for (const counter of counters) this.count(actor, counter, frames);
  }

  nowNs(): number {
    return this.clockNs;
  }
  threadUse(): readonly ThreadUse[] {
    return this.uses;
  }
  takeStock(): Promise<Stock> {
    return Promise.resolve({ slots: this.slots, frames: this.frames, guestBuffers: this.guestBuffers });
  }
  setStopped(): Promise<void> {
    return Promise.resolve();
  }
  report(actor: string): Promise<readonly string[]> {
    return Promise.resolve([`${actor} has stood still`]);
  }
  advance(ns: number): Promise<void> {
    this.clockNs += ns;
    return Promise.resolve();
  }
  start(): Promise<void> {
    return Promise.resolve();
  }
  pause(): Promise<void> {
    return Promise.resolve();
  }
  resume(): Promise<void> {
    return Promise.resolve();
  }
  attach(): Promise<void> {
    return Promise.resolve();
  }
  detach(): Promise<void> {
    return Promise.resolve();
  }
  startVm(): Promise<void> {
    return Promise.resolve();
  }
  endVm(): Promise<void> {
    return Promise.resolve();
  }
  stop(): Promise<void> {
    return Promise.resolve();
  }
}

const PASSAGE: readonly (readonly [actor: string, ...counters: string[]])[] = [
  ['generator-eth0', 'tx_packets', 'offered_eth0-to-eth1', 'tx_eth0-to-eth1'],
  ['eth0', 'rx_packets', 'rx_to_host'],
  ['softirq0', 'rx_packets', 'rx_to_bridge', 'backlog_packets', 'backlog_to_bridge'],
  ['br0', 'rx_packets', 'tx_packets'],
  ['tap0', 'tx_packets', 'tx_queued'],
  ['vhost-vnic0', 'rx_packets', 'rx_to_guest'],
  ['vm0/vcpu0', 'rx_packets', 'tx_packets'],
  ['vhost-vnic1', 'tx_packets', 'tx_to_stack'],
  ['br1', 'rx_packets', 'tx_packets'],
  ['eth1', 'tx_from_host', 'tx_packets'],
  ['sink-eth1', 'rx_packets', 'rx_eth0-to-eth1'],
];
