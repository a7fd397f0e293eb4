/**
 * In Linux: a vhost worker above queues in hardware, as the talk of 2014 proposes.
 * In: frames completed by the card, chains of the transmit virtqueue. Out: the receive virtqueue (../guest/vcpu.ts),
 * the card.
 * Thread: one vhost worker for each queue pair.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { EventWord, Ringer, ringAll, ringersOf } from '../../src/memory/doorbell.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import type { DeviceQueue } from '../../src/virtio/ring/ring-format.ts';
import { VhostBackend } from '../../src/virtio/vhost/vhost-backend.ts';
import type { AccelerationHandles, AccelerationProvider } from './acceleration/handles.ts';
import type { AcceleratedQueuesRef } from './acceleration/queues.ts';
import { clearQueues, createProvider } from './acceleration/queues.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';
import type { VhostGuestLink } from './vhost-links.ts';

export const VHOST_ACCELERATED_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames that the hardware delivered' },
  { name: 'rx_to_guest', lane: 'rx', role: 'out', meaning: 'frames completed in the receive virtqueue' },
  { name: 'rx_errors', lane: 'rx', role: 'drop', reason: 'receive virtqueue broken with frames on their way into it' },
  { name: 'rx_purged', lane: 'rx', role: 'drop', reason: 'vNIC removed with frames in its hardware queues' },
  { name: 'tx_packets', lane: 'tx', role: 'in', meaning: 'frames of the guest taken from its transmit queue' },
  { name: 'tx_to_hardware', lane: 'tx', role: 'out', meaning: 'frames handed to the hardware' },
  { name: 'tx_errors', lane: 'tx', role: 'drop', reason: 'guest sent a chain the hardware cannot' },
  { name: 'tx_abandoned', lane: 'tx', role: 'drop', reason: 'virtual machine removed before its frame was taken' },
  { name: 'buffers_seeded', role: 'event', meaning: 'guest buffers handed to the hardware' },
  {
    name: 'depletion_entries',
    role: 'event',
    meaning: 'times the hardware reported its pool of guest buffers nearly empty',
  },
  { name: 'depletion_exits', role: 'event', meaning: 'times it reported the pool refilled' },
  { name: 'congestion_calls', role: 'event', meaning: 'interrupts injected so that the guest refills' },
  { name: 'calls', role: 'event', meaning: 'interrupts injected into the guest' },
  {
    name: 'calls_suppressed',
    role: 'event',
    meaning: 'completions that the guest had asked not to be interrupted for',
  },
  {
    name: 'virtqueue_errors',
    role: 'event',
    meaning: 'virtqueues stopped because the guest put something impossible into them',
  },
] as const satisfies readonly CounterSpec[];
const {
  rx_packets: RX_PACKETS,
  rx_to_guest: RX_TO_GUEST,
  rx_errors: RX_ERRORS,
  rx_purged: RX_PURGED,
  tx_packets: TX_PACKETS,
  tx_to_hardware: TX_TO_HARDWARE,
  tx_errors: TX_ERRORS,
  tx_abandoned: TX_ABANDONED,
  buffers_seeded: BUFFERS_SEEDED,
  depletion_entries: DEPLETION_ENTRIES,
  depletion_exits: DEPLETION_EXITS,
  congestion_calls: CONGESTION_CALLS,
  calls: CALLS,
  calls_suppressed: CALLS_SUPPRESSED,
  virtqueue_errors: VIRTQUEUE_ERRORS,
} = indexCounters(VHOST_ACCELERATED_COUNTERS);

export const VHOST_ACCELERATED_PORTS = portsOf('vhost-accelerated', {
  hardware: port<VhostHardwareLink>(),
  guest: port<VhostGuestLink>(),
});

const RX = 0;
const TX = 1;

export interface VhostAcceleratedConfig {
  readonly name: string;
  readonly counters: Region;
  readonly costs: {
    readonly accelRxNs: number;
    readonly accelTxNs: number;
    readonly callInjectNs: number;
    readonly wakeupNs: number;
  };
}

/** The vNIC's queues in hardware, and the word by which the hardware says "look". */
export interface VhostHardwareLink {
  readonly queues: AcceleratedQueuesRef;
  readonly event: Region;
}

/**
 * The vhost worker of an accelerated vNIC: it copies nothing. It registers its handles with the acceleration interface,
 * passes buffers that the guest posted down to the hardware, completes filled ones into the receive virtqueue, hands
 * frames of the transmit virtqueue to the hardware, and answers depletion by replenishing and by calling the guest.
 * A virtqueue that breaks leaves the other alone: only the broken one's handles find nothing to do any more.
 */
export class VhostAccelerated implements Actor, AccelerationHandles {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly costs: VhostAcceleratedConfig['costs'];
  private provider: AccelerationProvider | null = null;
  private queues: AcceleratedQueuesRef | null = null;
  private hardwareEvent!: EventWord;
  private backend: VhostBackend | null = null;
  private kicks: EventWord[] = [];
  private calls: Ringer[][] = [];
  private vmm!: Ringer;
  /** The queues of this poll: null without a backend, and once broken. */
  private rxQueue: DeviceQueue | null = null;
  private txQueue: DeviceQueue | null = null;
  private received = 0;
  private transmitted = 0;
  /** Something was seen since the last time both queues were armed. */
  private active = false;

  constructor(memory: Memory, config: VhostAcceleratedConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.costs = config.costs;
  }

  attach({ port, link }: JointOf<typeof VHOST_ACCELERATED_PORTS>): void {
    if (port === 'guest') this.attachGuest(link);
    else this.attachHardware(link);
  }

  private attachGuest(guest: VhostGuestLink): void {
    const memory = new GuestMemory(this.memory.buffer(guest.guestMemory));
    this.backend = new VhostBackend(this.memory, guest.mailbox, memory);
    this.kicks = guest.kicks.map((region) => new EventWord(this.memory, region));
    this.calls = guest.callDoorbells.map((each) => ringersOf(this.memory, each));
    this.vmm = new Ringer(this.memory, guest.vmmDoorbell);
  }

  private attachHardware(hardware: VhostHardwareLink): void {
    this.queues = hardware.queues;
    this.provider = createProvider(this.memory, hardware.queues);
    this.provider.register(this);
    this.hardwareEvent = new EventWord(this.memory, hardware.event);
  }

  detach({ port }: SocketOf<typeof VHOST_ACCELERATED_PORTS>): void {
    if (port === 'guest') this.backend = null;
    else this.provider = null;
  }

  poll(budget: number, _nowNs: number): number {
    const { backend, provider } = this;
    if (backend === null) return 0;
    if (backend.serveIoctl()) this.vmm.ring();
    this.rxQueue = backend.queue(RX);
    this.txQueue = backend.queue(TX);
    if (provider === null || (this.rxQueue === null && this.txQueue === null)) return 0;
    this.takeEvents();
    const moved = provider.poll(budget);
    if (this.rxQueue !== null) this.received = this.finish(RX, this.rxQueue, this.received, this.costs.accelRxNs);
    if (this.txQueue !== null) this.transmitted = this.finish(TX, this.txQueue, this.transmitted, this.costs.accelTxNs);
    return moved;
  }

  /** Events only wake: every poll looks at everything. While polling, the guest need not kick. */
  private takeEvents(): void {
    this.hardwareEvent.take();
    for (let i = 0; i < this.kicks.length; i++) this.kicks[i].take();
    if (this.active) return;
    this.active = true;
    if (this.rxQueue !== null) this.rxQueue.disableNotify();
    if (this.txQueue !== null) this.txQueue.disableNotify();
  }

  rx(head: number, lengthBytes: number): void {
    const counts = this.counters.values;
    counts[RX_PACKETS]++;
    if (this.rxQueue === null) {
      counts[RX_ERRORS]++;
      return;
    }
    counts[RX_TO_GUEST]++;
    this.rxQueue.pushUsed(head, lengthBytes);
    this.received++;
  }

  tx(room: number): number {
    const queue = this.txQueue;
    if (queue === null) return 0;
    const found = queue.availCount();
    const counts = this.counters.values;
    let sent = 0;
    for (let i = 0; i < found && sent < room; i++) {
      const head = queue.pop();
      if (head < 0) break;
      counts[TX_PACKETS]++;
      if (queue.chainCount === 1) {
        this.provider!.send(head, queue.chainAddr[0], queue.readableBytes);
        counts[TX_TO_HARDWARE]++;
        sent++;
      } else {
        counts[TX_ERRORS]++;
        this.txDone(head);
      }
    }
    return sent;
  }

  txDone(head: number): void {
    if (this.txQueue === null) return;
    this.txQueue.pushUsed(head, 0);
    this.transmitted++;
  }

  /** Depletion reaches the guest when it has posted nothing more that could be passed down: it is called to refill. */
  congestion(depleted: boolean): void {
    const counts = this.counters.values;
    counts[depleted ? DEPLETION_ENTRIES : DEPLETION_EXITS]++;
    if (!depleted || this.rxQueue === null || this.rxQueue.availCount() > 0) return;
    counts[CONGESTION_CALLS]++;
    this.callGuest(RX);
  }

  replenish(room: number): number {
    const queue = this.rxQueue;
    if (queue === null) return 0;
    const found = Math.min(room, queue.availCount());
    let seeded = 0;
    for (let i = 0; i < found; i++) {
      const head = queue.pop();
      if (head < 0) break;
      // A buffer in several pieces is beyond this hardware: it goes back empty.
      if (queue.chainCount === 1) {
        this.provider!.seed(head, queue.chainAddr[0], queue.writableBytes);
        seeded++;
      } else {
        queue.pushUsed(head, 0);
        this.received++;
      }
    }
    this.counters.values[BUFFERS_SEEDED] += seeded;
    return seeded;
  }

  /** Publishes `frames` completions, leaves the queue alone if it broke. Returns the count left: none. */
  private finish(index: number, queue: DeviceQueue, frames: number, costNs: number): number {
    if (frames > 0) {
      this.debtNs += frames * costNs;
      queue.publishUsed();
      if (queue.shouldCall()) this.callGuest(index);
      else this.counters.values[CALLS_SUPPRESSED]++;
    }
    if (queue.broken !== 0) {
      this.counters.values[VIRTQUEUE_ERRORS]++;
      this.backend!.stopQueue(index);
    }
    return 0;
  }

  private callGuest(index: number): void {
    this.counters.values[CALLS]++;
    this.debtNs += this.costs.callInjectNs + ringAll(this.calls[index]) * this.costs.wakeupNs;
  }

  arm(): boolean {
    const { backend, provider } = this;
    if (backend === null) return true;
    if (backend.ioctlPending) return false;
    const rx = backend.queue(RX);
    const tx = backend.queue(TX);
    if (provider === null || (rx === null && tx === null)) return true;
    this.active = false;
    // Both are armed whatever the first one says.
    const rxMore = rx !== null && rx.enableNotify();
    const txMore = tx !== null && tx.enableNotify();
    return !rxMore && !txMore && !provider.pending;
  }

  commit(): void {
    this.counters.commit();
  }

  /** The hardware has let go of the vNIC: what lies in its queues is lost, and they are empty for the next one. */
  retire(): void {
    const counts = this.counters.values;
    const purged = this.provider === null ? 0 : this.provider.framesHeld();
    const abandoned = this.backend === null ? 0 : this.backend.chainsWaiting(TX);
    counts[RX_PACKETS] += purged;
    counts[RX_PURGED] += purged;
    counts[TX_PACKETS] += abandoned;
    counts[TX_ABANDONED] += abandoned;
    if (this.queues !== null) clearQueues(this.memory, this.queues);
  }

  /** Virtqueue errors. */
  report(): readonly string[] {
    return this.backend === null ? [] : this.backend.faults;
  }

  census(out: Census): void {
    if (this.provider !== null) out.frames += this.provider.framesHeld();
    if (this.backend !== null) out.frames += this.backend.chainsWaiting(TX);
  }
}

export const VHOST_ACCELERATED = component({
  kind: 'vhost-accelerated',
  place: 'vhost',
  thread: 'vhost',
  drawn: { label: 'vhost', colour: 'orange' },
  lanes: { rx: 5, tx: 7 },
  counters: VHOST_ACCELERATED_COUNTERS,
  ports: VHOST_ACCELERATED_PORTS,
  measuredCost: { pollNs: 200, frameNs: 21 },
  create: (memory, config: VhostAcceleratedConfig) => new VhostAccelerated(memory, config),
});
