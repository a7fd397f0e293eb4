/**
 * In Linux: the vhost-net kthread of a queue pair, vhost_worker with handle_rx and handle_tx.
 * In: the tap's queue (tap.ts), the transmit virtqueue. Out: the receive virtqueue (../guest/vcpu.ts), the stack
 * (stack-entry.ts).
 * Thread: its own, a fair one on a CPU of the host.
 */
import type { Memory } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { EventWord, Ringer, ringAll, ringersOf } from '../../src/memory/doorbell.ts';
import { FramePool, FrameReturns, SLOT_LENGTH_WORD, SlotMemory } from '../../src/memory/frame-pool.ts';
import { IdRingConsumer } from '../../src/memory/id-ring.ts';
import { ETH_HEADER_BYTES } from '../../src/net/wire/ethernet.ts';
import { flowHash } from '../../src/net/wire/flow-hash.ts';
import { nowMs, TapFlows } from '../../src/kernel/tap-flows.ts';
import { TapFeedback } from '../../src/kernel/port-mask.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES } from '../../src/virtio/net/net-header.ts';
import type { DeviceQueue } from '../../src/virtio/ring/ring-format.ts';
import { readFrameFromChain, writeFrameToChain } from '../../src/virtio/ring/chain-copy.ts';
import { PLACED, RxBuffers, TOO_FEW_BUFFERS, TOO_LONG } from '../../src/virtio/ring/rx-buffers.ts';
import { VhostWorkList } from '../../src/kernel/work-list.ts';
import { VhostBackend } from '../../src/virtio/vhost/vhost-backend.ts';
import type { Actor, Census } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';
import { BACKLOG_FULL, StackEntry } from './stack-entry.ts';
import type { VhostGuestLink, VhostTapLink, VhostWorkerConfig } from './vhost-links.ts';
import { VHOST_COUNTERS, VHOST_PORTS } from './vhost-links.ts';

const {
  rx_packets: RX_PACKETS,
  rx_to_guest: RX_TO_GUEST,
  rx_truncated: RX_TRUNCATED,
  rx_purged: RX_PURGED,
  tx_packets: TX_PACKETS,
  tx_to_stack: TX_TO_STACK,
  tx_errors: TX_ERRORS,
  tx_no_buffer: TX_NO_BUFFER,
  backlog_dropped: BACKLOG_DROPPED,
  tx_abandoned: TX_ABANDONED,
  rx_passes: RX_PASSES,
  rx_no_buffer_passes: RX_NO_BUFFER_PASSES,
  rx_requeues: RX_REQUEUES,
  tx_passes: TX_PASSES,
  tx_requeues: TX_REQUEUES,
  calls: CALLS,
  calls_suppressed: CALLS_SUPPRESSED,
  virtqueue_errors: VIRTQUEUE_ERRORS,
  feedback_unmasks: FEEDBACK_UNMASKS,
} = indexCounters(VHOST_COUNTERS);

const RX = 0;
const TX = 1;
const NO_WORK = -1;

/**
 * The vhost-net worker of one queue pair of a vNIC (drivers/vhost/vhost.c vhost_worker, drivers/vhost/net.c). One
 * thread, one work list: a FIFO of the receive and the transmit item, each on it at most once. An item is unlinked
 * before it runs, so an event that comes while it runs queues it again, behind the other; an item that has spent its
 * weight requeues itself at the tail. One `poll` is a slice of a pass.
 */
export class VhostWorker implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly config: VhostWorkerConfig;
  private readonly counters: CounterPage;
  private readonly slots: SlotMemory;
  private readonly pool: FramePool;
  private readonly returns: FrameReturns;

  private tapQueue: IdRingConsumer | null = null;
  private tapEvent!: EventWord;
  private feedback: TapFeedback | null = null;
  private lowMark = 0;
  private flows: TapFlows | null = null;
  private tapQueueIndex = 0;
  private stack!: StackEntry;

  private guest: GuestMemory | null = null;
  private rxBuffers: RxBuffers | null = null;
  private backend: VhostBackend | null = null;
  private kicks: EventWord[] = [];
  private calls: Ringer[][] = [];
  private vmm!: Ringer;

  private readonly workList = new VhostWorkList(2);
  private current = NO_WORK;
  private passBytes = 0;
  private passPackets = 0;
  private polledNs = 0;
  private busyUntilNs = 0;

  constructor(memory: Memory, config: VhostWorkerConfig) {
    this.memory = memory;
    this.config = config;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.slots = new SlotMemory(memory, config.slots);
    this.pool = new FramePool(memory, this.slots, config.pool, config.poolHome);
    this.returns = new FrameReturns(this.slots);
  }

  attach({ port, link }: JointOf<typeof VHOST_PORTS>): void {
    if (port === 'tap') this.attachTap(link);
    else this.attachGuest(link);
  }

  private attachTap(tap: VhostTapLink): void {
    this.tapQueue = new IdRingConsumer(this.memory, tap.queue);
    this.tapEvent = new EventWord(this.memory, tap.event);
    this.feedback = tap.feedback === null ? null : new TapFeedback(this.memory, tap.feedback.own, tap.feedback.ports);
    this.lowMark = tap.feedback?.lowMark ?? 0;
    this.flows = tap.flows === null ? null : new TapFlows(this.memory, tap.flows.table);
    this.tapQueueIndex = tap.flows?.queue ?? 0;
    this.stack = new StackEntry(this.memory, this.slots, this.pool, this.config.backlogFrames, tap);
    this.workList.enqueue(RX);
    this.workList.enqueue(TX);
  }

  private attachGuest(guest: VhostGuestLink): void {
    this.guest = new GuestMemory(this.memory.buffer(guest.guestMemory));
    this.rxBuffers = new RxBuffers(this.guest, this.slots.words, this.slots.bytes);
    this.backend = new VhostBackend(this.memory, guest.mailbox, this.guest);
    this.kicks = guest.kicks.map((region) => new EventWord(this.memory, region));
    this.calls = guest.callDoorbells.map((each) => ringersOf(this.memory, each));
    this.vmm = new Ringer(this.memory, guest.vmmDoorbell);
  }

  detach({ port }: SocketOf<typeof VHOST_PORTS>): void {
    if (port === 'tap') this.tapQueue = null;
    else this.guest = this.backend = null;
  }

  poll(budget: number, nowNs: number): number {
    const backend = this.backend;
    if (backend === null) return 0;
    if (backend.serveIoctl()) {
      this.vmm.ring();
      // NET_SET_BACKEND starts both directions, as vhost_net_enable_vq does.
      this.workList.enqueue(RX);
      this.workList.enqueue(TX);
    }
    this.collectEvents();
    if (this.current === NO_WORK) this.beginPass();
    this.polledNs = nowNs;
    if (this.current === NO_WORK) return 0;
    this.busyUntilNs = nowNs + this.config.busyLoopNs;
    if (this.current === TX) return this.handleTx(budget, backend);
    const moved = this.handleRx(budget, backend);
    if (this.feedback !== null) this.unmaskAtLowMark(this.feedback);
    return moved;
  }

  /** vhost_poll_wakeup: the tap's wake-up and the guest's kicks queue work; work already queued stays where it is. */
  private collectEvents(): void {
    if (this.tapQueue !== null && this.tapEvent.take()) this.workList.enqueue(RX);
    if (this.kicks[RX].take()) this.workList.enqueue(RX);
    if (this.kicks[TX].take()) this.workList.enqueue(TX);
  }

  private beginPass(): void {
    const item = this.workList.next();
    if (item === NO_WORK) return;
    const queue = this.backend!.queue(item);
    if (queue === null || this.tapQueue === null) return;
    queue.disableNotify();
    this.current = item;
    this.passBytes = 0;
    this.passPackets = 0;
    this.counters.values[item === RX ? RX_PASSES : TX_PASSES]++;
  }

  /** Ends the pass; with its weight spent and work left the item goes to the tail of the list. @returns 0. */
  private endPass(requeue: boolean): number {
    const item = this.current;
    this.current = NO_WORK;
    if (!requeue) return 0;
    this.collectEvents();
    this.workList.enqueue(item);
    this.counters.values[item === RX ? RX_REQUEUES : TX_REQUEUES]++;
    return 0;
  }

  /** handle_rx: tap queue to receive virtqueue. */
  private handleRx(budget: number, backend: VhostBackend): number {
    const queue = backend.queue(RX);
    const tap = this.tapQueue;
    if (queue === null || tap === null) return this.endPass(false);
    const waiting = Math.min(budget, tap.readable(budget));
    if (waiting === 0) return this.endPass(false);
    const buffers = queue.availCount();
    if (buffers <= 0) return this.noBuffers(queue, buffers);
    const counts = this.counters.values;
    const { byteWeight, packetWeight, batch } = this.config;
    let moved = 0;
    let delivered = 0;
    let unsignalled = 0;
    let spent = false;
    let placed = PLACED;
    for (; moved < waiting && delivered < buffers && !spent; moved++) {
      const head = queue.pop();
      if (head < 0) break;
      const id = tap.peek();
      const length = this.slots.words[this.slots.wordOf(id) + SLOT_LENGTH_WORD];
      if (queue.writableBytes < length + NET_HEADER_BYTES) {
        placed = this.rxBuffers!.place(queue, head, this.slots.byteOf(id), length, backend.mergeable);
        if (placed === TOO_FEW_BUFFERS) break;
      } else {
        // The one copy of the receive path.
        writeFrameToChain(this.guest!, queue, this.slots.words, this.slots.bytes, this.slots.byteOf(id), length);
        queue.pushUsed(head, length + NET_HEADER_BYTES);
        placed = PLACED;
      }
      if (placed === TOO_LONG) {
        counts[RX_TRUNCATED]++;
      } else {
        delivered++;
        if (++unsignalled === batch) {
          this.signal(queue);
          unsignalled = 0;
        }
      }
      tap.take();
      this.returns.free(id);
      this.passBytes += length + NET_HEADER_BYTES;
      this.passPackets++;
      spent = this.passBytes >= byteWeight || this.passPackets >= packetWeight;
    }
    tap.release();
    this.returns.flush();
    if (unsignalled > 0) this.signal(queue);
    counts[RX_PACKETS] += moved;
    counts[RX_TO_GUEST] += delivered;
    this.debtNs += moved * this.config.costs.vhostRxNs;
    if (queue.broken !== 0) return this.breakDown(moved);
    if (spent) this.endPass(true);
    return placed === TOO_FEW_BUFFERS && moved === 0 ? this.noBuffers(queue, 0) : moved;
  }

  /** The tap had its ports masked at the high mark; with room again, let the hardware go on. */
  private unmaskAtLowMark(feedback: TapFeedback): void {
    if (!feedback.masking || this.tapQueue === null || this.tapQueue.depth() > this.lowMark) return;
    this.counters.values[FEEDBACK_UNMASKS]++;
    feedback.unmask();
  }

  /** No descriptor: ask for a kick and look again; still none, and the frame stays in the tap queue (handle_rx). */
  private noBuffers(queue: DeviceQueue, found: number): number {
    if (found < 0) return this.breakDown(0);
    if (queue.enableNotify()) {
      queue.disableNotify();
      return 0;
    }
    this.counters.values[RX_NO_BUFFER_PASSES]++;
    return this.endPass(false);
  }

  /** The virtqueue is broken: it serves no more until the device is reset; the worker goes on with the rest. */
  private breakDown(moved: number): number {
    this.counters.values[VIRTQUEUE_ERRORS]++;
    this.backend!.stopQueue(this.current);
    this.endPass(false);
    return moved;
  }

  /** vhost_add_used_and_signal: publish, then call the guest unless it asked not to be. */
  private signal(queue: DeviceQueue): void {
    queue.publishUsed();
    const counts = this.counters.values;
    if (!queue.shouldCall()) {
      counts[CALLS_SUPPRESSED]++;
      return;
    }
    counts[CALLS]++;
    this.debtNs += this.config.costs.callInjectNs + ringAll(this.calls[this.current]) * this.config.costs.wakeupNs;
  }

  /** handle_tx: transmit virtqueue to the backlog of this CPU (tun_get_user, netif_rx_ni). */
  private handleTx(budget: number, backend: VhostBackend): number {
    const queue = backend.queue(TX);
    if (queue === null || this.tapQueue === null) return this.endPass(false);
    const found = queue.availCount();
    if (found < 0) return this.breakDown(0);
    if (found === 0) {
      if (queue.enableNotify()) queue.disableNotify();
      else this.endPass(false);
      return 0;
    }
    const { byteWeight, packetWeight, batch } = this.config;
    const n = Math.min(budget, found);
    this.stack.begin();
    let moved = 0;
    let unsignalled = 0;
    let spent = false;
    for (; moved < n && !spent; moved++) {
      const head = queue.pop();
      if (head < 0) break;
      this.transmit(queue, queue.readableBytes - NET_HEADER_BYTES);
      queue.pushUsed(head, 0);
      if (++unsignalled === batch) {
        this.signal(queue);
        unsignalled = 0;
        // Softirq work that ksoftirqd holds runs here, on this thread's time, after every packet or batch handed over.
        if (this.stack.deferred) this.stack.enter();
      }
      this.passBytes += queue.readableBytes;
      this.passPackets++;
      spent = this.passBytes >= byteWeight || this.passPackets >= packetWeight;
    }
    if (unsignalled > 0) this.signal(queue);
    this.stack.enter();
    this.counters.values[TX_PACKETS] += moved;
    this.debtNs += moved * this.config.costs.vhostTxNs;
    if (queue.broken !== 0) return this.breakDown(moved);
    if (spent) this.endPass(true);
    return moved;
  }

  /** One frame from the popped chain into a host slot and onto the backlog, or dropped. */
  private transmit(queue: DeviceQueue, length: number): void {
    const counts = this.counters.values;
    if (length < ETH_HEADER_BYTES || length > this.slots.frameBytesMax) {
      counts[TX_ERRORS]++;
      return;
    }
    const id = this.stack.allocate(length);
    if (id < 0) {
      counts[id === BACKLOG_FULL ? BACKLOG_DROPPED : TX_NO_BUFFER]++;
      return;
    }
    readFrameFromChain(this.guest!, queue, this.slots.words, this.slots.bytes, this.slots.byteOf(id), length);
    if (this.flows !== null) this.noteFlow(this.flows, id, length);
    this.stack.put(id);
    counts[TX_TO_STACK]++;
  }

  /** tun_flow_update: frames of this flow for the guest come back by the same queue. */
  private noteFlow(flows: TapFlows, id: number, length: number): void {
    flows.note(flowHash(this.slots.bytes, this.slots.byteOf(id), length), this.tapQueueIndex, nowMs(this.polledNs));
  }

  arm(): boolean {
    const backend = this.backend;
    if (backend === null) return true;
    if (this.current !== NO_WORK || backend.ioctlPending) return false;
    this.collectEvents();
    return this.workList.empty && this.polledNs >= this.busyUntilNs;
  }

  commit(): void {
    this.counters.commit();
  }

  /** The tap is closed and its queue purged (tun_queue_purge, drivers/net/tun.c); guest's frames and masks go. */
  retire(): void {
    const counts = this.counters.values;
    const abandoned = this.backend?.chainsWaiting(TX) ?? 0;
    const purged = this.tapQueue === null ? 0 : this.returns.freeAll(this.tapQueue);
    counts[RX_PACKETS] += purged;
    counts[RX_PURGED] += purged;
    counts[TX_PACKETS] += abandoned;
    counts[TX_ABANDONED] += abandoned;
    this.feedback?.unmask();
    if (this.config.poolHome !== null) this.pool.retire(this.memory, this.config.poolHome);
  }

  /** Virtqueue errors. */
  report(): readonly string[] {
    return this.backend?.faults ?? [];
  }

  census(out: Census): void {
    this.pool.reclaim();
    for (const id of this.pool.freeIds()) out.slots.push(id);
    out.frames += this.backend?.chainsWaiting(TX) ?? 0;
  }
}

export const VHOST = component({
  kind: 'vhost',
  place: 'vhost',
  thread: 'vhost',
  drawn: { label: 'vhost', colour: 'orange' },
  lanes: { rx: 5, tx: 7 },
  counters: VHOST_COUNTERS,
  ports: VHOST_PORTS,
  measuredCost: { pollNs: 121, frameNs: 74 },
  create: (memory, config: VhostWorkerConfig) => new VhostWorker(memory, config),
});
