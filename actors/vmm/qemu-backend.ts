/**
 * In QEMU: hw/net/virtio-net.c and net/tap.c, vhost=off.
 * In: the tap (tap-file.ts), the transmit virtqueue. Out: the receive virtqueue (../guest/vcpu.ts), the tap.
 * Thread: the VMM's main loop.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { EventWord, Ringer, ringAll, ringersOf } from '../../src/memory/doorbell.ts';
import { ETH_HEADER_BYTES } from '../../src/net/wire/ethernet.ts';
import { readFrameFromChain, writeFrameToChain } from '../../src/virtio/ring/chain-copy.ts';
import type { FeatureSet } from '../../src/virtio/net/features.ts';
import { commonFeatures, deviceOfferedFeatures } from '../../src/virtio/net/features.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES } from '../../src/virtio/net/net-header.ts';
import type { DeviceQueue } from '../../src/virtio/ring/ring-format.ts';
import { VMM_DEVICE_FEATURES, VmmVirtioDevice } from '../../src/virtio/pci/vmm-device.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';
import type { DeviceConfig } from './device-config.ts';
import { KernelEntry } from './kernel-entry.ts';
import { TapFile } from './tap-file.ts';
import type { TapFileLink } from './tap-file.ts';
import { BACKLOG_FULL } from '../host/stack-entry.ts';

export const QEMU_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames read from the tap' },
  { name: 'rx_to_guest', lane: 'rx', role: 'out', meaning: 'frames put into the receive virtqueue' },
  { name: 'rx_truncated', lane: 'rx', role: 'drop', reason: 'frame longer than the buffer the guest posted' },
  { name: 'tx_packets', lane: 'tx', role: 'in', meaning: 'frames of the guest taken from its transmit queue' },
  { name: 'tx_to_stack', lane: 'tx', role: 'out', meaning: 'frames written to the tap' },
  { name: 'tx_errors', lane: 'tx', role: 'drop', reason: 'guest sent a frame of impossible length' },
  { name: 'tx_no_buffer', lane: 'tx', role: 'drop', reason: 'no host buffer for a frame from the guest' },
  { name: 'backlog_dropped', lane: 'tx', role: 'drop', reason: 'per-CPU backlog full (softnet_stat dropped)' },
  { name: 'rx_passes', role: 'event', meaning: 'callbacks of the main loop for a readable tap' },
  {
    name: 'rx_no_buffer_passes',
    role: 'event',
    meaning: 'passes that found no receive buffer posted by the guest: the guest is slow or starved',
  },
  { name: 'tx_flushes', role: 'event', meaning: 'flushes of the transmit queue (virtio_net_flush_tx)' },
  {
    name: 'tx_reschedules',
    role: 'event',
    meaning: 'flushes that sent a whole burst and scheduled the bottom half again',
  },
  { name: 'calls', role: 'event', meaning: 'interrupts injected into the guest' },
  {
    name: 'calls_suppressed',
    role: 'event',
    meaning: 'completions that the guest had asked not to be interrupted for',
  },
  { name: 'system_calls', role: 'event', meaning: 'system calls made, real or declared' },
  {
    name: 'virtqueue_errors',
    role: 'event',
    meaning: 'virtqueues stopped because the guest put something impossible into them',
  },
] as const satisfies readonly CounterSpec[];
const {
  rx_packets: RX_PACKETS,
  rx_to_guest: RX_TO_GUEST,
  rx_truncated: RX_TRUNCATED,
  tx_packets: TX_PACKETS,
  tx_to_stack: TX_TO_STACK,
  tx_errors: TX_ERRORS,
  tx_no_buffer: TX_NO_BUFFER,
  backlog_dropped: BACKLOG_DROPPED,
  rx_passes: RX_PASSES,
  rx_no_buffer_passes: RX_NO_BUFFER_PASSES,
  tx_flushes: TX_FLUSHES,
  tx_reschedules: TX_RESCHEDULES,
  calls: CALLS,
  calls_suppressed: CALLS_SUPPRESSED,
  system_calls: SYSTEM_CALLS,
  virtqueue_errors: VIRTQUEUE_ERRORS,
} = indexCounters(QEMU_COUNTERS);

const RX = 0;
const TX = 1;

export const QEMU_PORTS = portsOf('qemu', {
  tap: port<TapFileLink>({ rx: ({ queue }) => [queue] }),
  guest: port<QemuGuestLink>(),
});

export interface QemuBackendConfig extends DeviceConfig {
  /** Frames one flush of the transmit queue sends: TX_BURST, hw/net/virtio-net.c. */
  readonly txBurst: number;
}

export interface QemuGuestLink {
  readonly guestMemory: string;
  /** Trap mailbox of the vCPU that probes the device, and the doorbell of that vCPU's thread. */
  readonly pci: Region;
  readonly vcpuDoorbell: Region;
  readonly kicks: readonly Region[];
  /** By queue index: whom a call wakes. */
  readonly callDoorbells: readonly (readonly Region[])[];
  /** Features the scenario lets the device offer. */
  readonly allowed: FeatureSet;
  readonly queueSize: number;
  readonly mac: readonly number[];
  readonly mtuBytes: number;
}

/**
 * A virtio-net device whose backend is the VMM process itself (hw/net/virtio-net.c and net/tap.c of QEMU, vhost=off).
 * It runs on QEMU's main loop, together with everything else there. Receive: while the tap is readable, one read() a
 * frame, into the VMM's memory and from there into the guest's. Transmit: a kick turns notifications off and schedules
 * a bottom half, which flushes at most a burst: one writev(), one used entry and one notification a frame. One `poll`
 * is a slice of a callback; the loop's other sources have their turn between slices. QEMU keeps the first frame that
 * finds no buffer in a queue of its own; here that frame stays in the tap.
 */
export class QemuBackend implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly config: QemuBackendConfig;
  private readonly counters: CounterPage;
  private readonly kernel: KernelEntry;
  private tap: TapFile | null = null;
  private guest!: GuestMemory;
  private device: VmmVirtioDevice | null = null;
  private vcpu!: Ringer;
  private readonly kicks: EventWord[] = [];
  private readonly calls: Ringer[][] = [];

  /** The main loop polls the tap for reading; off while the guest has no buffers (tap_read_poll). */
  private reading = true;
  /** The bottom half is scheduled (virtio_net_tx_bh). */
  private txScheduled = false;
  /** Frames sent in the flush that runs. */
  private flushed = 0;

  constructor(memory: Memory, config: QemuBackendConfig) {
    this.memory = memory;
    this.config = config;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.kernel = new KernelEntry(memory, config.costs.syscallNs);
  }

  attach({ port, link }: JointOf<typeof QEMU_PORTS>): void {
    if (port === 'tap') this.tap = new TapFile(this.memory, this.kernel, this.config.tap, link);
    else this.attachGuest(link);
  }

  private attachGuest(guest: QemuGuestLink): void {
    this.guest = new GuestMemory(this.memory.buffer(guest.guestMemory));
    this.device = new VmmVirtioDevice({
      guest: this.guest,
      pci: this.memory.words(guest.pci),
      offered: commonFeatures(deviceOfferedFeatures(VMM_DEVICE_FEATURES), guest.allowed),
      queueSize: guest.queueSize,
      netConfig: { mac: guest.mac, maxVirtqueuePairs: 1, mtuBytes: guest.mtuBytes },
    });
    this.vcpu = new Ringer(this.memory, guest.vcpuDoorbell);
    this.kicks.length = 0;
    for (const region of guest.kicks) this.kicks.push(new EventWord(this.memory, region));
    this.calls.length = 0;
    for (const each of guest.callDoorbells) this.calls.push(ringersOf(this.memory, each));
  }

  detach({ port }: SocketOf<typeof QEMU_PORTS>): void {
    if (port === 'tap') this.tap = null;
    else this.device = null;
  }

  poll(budget: number, _nowNs: number): number {
    const { device, tap } = this;
    if (device === null || tap === null) return 0;
    let moved = 0;
    if (device.serveTrap()) {
      this.vcpu.ring();
      moved = 1;
    }
    this.takeKicks(device);
    const rx = device.queue(RX);
    if (rx !== null && this.reading) moved += this.handleRx(budget, tap, device, rx);
    const tx = device.queue(TX);
    if (tx !== null && this.txScheduled) moved += this.handleTx(budget, tap, device, tx);
    this.debtNs += this.kernel.debtNs;
    this.kernel.debtNs = 0;
    this.counters.values[SYSTEM_CALLS] = this.kernel.calls;
    return moved;
  }

  /**
   * The guest's kicks. QEMU takes them on the vCPU's own thread, so that notifications are off before the guest runs on
   * (virtio_net_handle_tx_bh); here they are off once this thread has run.
   */
  private takeKicks(device: VmmVirtioDevice): void {
    if (this.kicks[RX].take()) this.reading = true;
    if (!this.kicks[TX].take()) return;
    device.queue(TX)?.disableNotify();
    this.txScheduled = true;
  }

  /** tap_send: from the tap to the receive virtqueue, frame by frame. */
  private handleRx(budget: number, tap: TapFile, device: VmmVirtioDevice, queue: DeviceQueue): number {
    const counts = this.counters.values;
    if (tap.beginCallback()) counts[RX_PASSES]++;
    const n = tap.readsNow(budget);
    let moved = 0;
    for (; moved < n && this.hasBuffers(queue); moved++) {
      const head = queue.pop();
      if (head < 0) break;
      const length = tap.read();
      if (queue.writableBytes < length + NET_HEADER_BYTES) {
        queue.discard(1);
        counts[RX_TRUNCATED]++;
        continue;
      }
      writeFrameToChain(this.guest, queue, tap.words, tap.bytes, 0, length);
      queue.pushUsed(head, length + NET_HEADER_BYTES);
      counts[RX_TO_GUEST]++;
      this.notify(queue, RX);
    }
    if (queue.broken !== 0) this.breakDown(device, RX);
    tap.endReads(moved);
    counts[RX_PACKETS] += moved;
    this.debtNs += moved * this.config.costs.readNs;
    return moved;
  }

  /** virtio_net_has_buffers: none, even after asking for a kick, and the tap is polled no more until there is one. */
  private hasBuffers(queue: DeviceQueue): boolean {
    let found = queue.availCount();
    if (found === 0 && queue.enableNotify()) found = queue.availCount();
    if (found > 0) {
      queue.disableNotify();
      return true;
    }
    if (found < 0) return false;
    this.counters.values[RX_NO_BUFFER_PASSES]++;
    this.reading = false;
    this.tap!.leaveCallback();
    return false;
  }

  /** virtio_net_tx_bh and virtio_net_flush_tx: the transmit virtqueue into the tap, frame by frame. */
  private handleTx(budget: number, tap: TapFile, device: VmmVirtioDevice, queue: DeviceQueue): number {
    const counts = this.counters.values;
    const { txBurst, costs } = this.config;
    const found = queue.availCount();
    if (this.flushed === 0 && found > 0) counts[TX_FLUSHES]++;
    const n = Math.min(budget, found, txBurst - this.flushed);
    let moved = 0;
    if (n > 0) tap.beginWrites();
    for (; moved < n; moved++) {
      const head = queue.pop();
      if (head < 0) break;
      this.send(tap, queue);
      queue.pushUsed(head, 0);
      this.notify(queue, TX);
    }
    if (moved > 0) tap.endWrites();
    counts[TX_PACKETS] += moved;
    this.debtNs += moved * costs.writeNs;
    this.flushed += moved;
    if (queue.broken !== 0) this.breakDown(device, TX);
    else if (this.flushed >= txBurst) {
      counts[TX_RESCHEDULES]++;
      this.flushed = 0;
    } else if (moved === found) {
      this.flushed = 0;
      if (queue.enableNotify()) queue.disableNotify();
      else this.txScheduled = false;
    }
    return moved;
  }

  /** One frame of the popped chain through writev(), or dropped. */
  private send(tap: TapFile, queue: DeviceQueue): void {
    const counts = this.counters.values;
    const length = queue.readableBytes - NET_HEADER_BYTES;
    if (length < ETH_HEADER_BYTES || length > tap.slots.frameBytesMax) {
      counts[TX_ERRORS]++;
      return;
    }
    const id = tap.allocate(length);
    if (id < 0) {
      counts[id === BACKLOG_FULL ? BACKLOG_DROPPED : TX_NO_BUFFER]++;
      return;
    }
    readFrameFromChain(this.guest, queue, tap.slots.words, tap.slots.bytes, tap.slots.byteOf(id), length);
    tap.write(id);
    counts[TX_TO_STACK]++;
  }

  /** virtqueue_push and virtio_notify: an ioctl (KVM_SIGNAL_MSI) injects the interrupt, unless it is not wanted. */
  private notify(queue: DeviceQueue, index: number): void {
    queue.publishUsed();
    const counts = this.counters.values;
    if (!queue.shouldCall()) {
      counts[CALLS_SUPPRESSED]++;
      return;
    }
    counts[CALLS]++;
    this.kernel.call();
    this.debtNs += this.config.costs.callInjectNs + ringAll(this.calls[index]) * this.config.costs.wakeupNs;
  }

  /** The virtqueue is broken: it serves no more until the driver resets the device. */
  private breakDown(device: VmmVirtioDevice, index: number): void {
    this.counters.values[VIRTQUEUE_ERRORS]++;
    device.stopQueue(index);
    if (index === RX) {
      this.tap!.leaveCallback();
      return;
    }
    this.txScheduled = false;
    this.flushed = 0;
  }

  arm(): boolean {
    const { device, tap } = this;
    if (device === null || tap === null) return true;
    if (device.trapRequested || this.kicks[RX].pending || this.kicks[TX].pending) return false;
    if (this.txScheduled && device.queue(TX) !== null) return false;
    return !this.reading || device.queue(RX) === null || tap.readable(1) === 0;
  }

  commit(): void {
    this.counters.commit();
  }

  /** Register accesses of the driver, and virtqueue errors. */
  report(): readonly string[] {
    return this.device === null ? [] : this.device.lines();
  }

  census(out: Census): void {
    this.tap?.census(out);
    if (this.device !== null) out.frames += this.device.chainsWaiting(TX);
  }
}

export const QEMU = component({
  kind: 'qemu',
  place: 'vmm',
  thread: 'vmm',
  drawn: { label: 'VMM', colour: 'violet' },
  lanes: { rx: 5, tx: 7 },
  counters: QEMU_COUNTERS,
  ports: QEMU_PORTS,
  // Polled alone, 64 frames at a time.
  measuredCost: { pollNs: 65, frameNs: 115 },
  create: (memory, config: QemuBackendConfig) => new QemuBackend(memory, config),
});
