/**
 * In QEMU: hw/net/e1000.c, an emulated 82540EM.
 * In: the tap (tap-file.ts), the guest's transmit ring. Out: the guest's receive ring (../guest/drivers/e1000.ts), the
 * tap.
 * Thread: the VMM's main loop.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { EventWord, Ringer } from '../../src/memory/doorbell.ts';
import { copyWords } from '../../src/memory/copy-words.ts';
import { E1000Dma, RX_BAD_BUFFER, RX_DELIVERED, RX_FILTERED, TX_BAD, TX_NOTHING } from '../../src/e1000/device/dma.ts';
import { E1000Registers } from '../../src/e1000/device/register-file.ts';
import { REGISTER_BYTES, TDT } from '../../src/e1000/registers.ts';
import { TimerWord } from '../../src/kernel/timer-word.ts';
import { ETH_HEADER_BYTES } from '../../src/net/wire/ethernet.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { PciTrapHost } from '../../src/virtio/pci/pci-trap.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';
import type { DeviceConfig } from './device-config.ts';
import { KernelEntry } from './kernel-entry.ts';
import { TapFile } from './tap-file.ts';
import type { TapFileLink } from './tap-file.ts';
import { BACKLOG_FULL } from '../host/stack-entry.ts';

export const E1000_COUNTERS = [
  { name: 'rx_packets', lane: 'rx', role: 'in', meaning: 'frames read from the tap' },
  { name: 'rx_to_guest', lane: 'rx', role: 'out', meaning: 'frames put into the receive ring' },
  { name: 'rx_filtered', lane: 'rx', role: 'drop', reason: 'address filter of the emulated NIC' },
  { name: 'rx_oversized', lane: 'rx', role: 'drop', reason: 'frame longer than the emulated NIC receives' },
  { name: 'rx_bad_buffer', lane: 'rx', role: 'drop', reason: 'receive descriptor names no guest memory' },
  { name: 'tx_packets', lane: 'tx', role: 'in', meaning: 'frames of the guest taken from its transmit ring' },
  { name: 'tx_to_stack', lane: 'tx', role: 'out', meaning: 'frames written to the tap' },
  { name: 'tx_errors', lane: 'tx', role: 'drop', reason: 'guest gave the emulated NIC a frame that cannot be sent' },
  { name: 'tx_no_buffer', lane: 'tx', role: 'drop', reason: 'no host buffer for a frame from the guest' },
  { name: 'backlog_dropped', lane: 'tx', role: 'drop', reason: 'per-CPU backlog full (softnet_stat dropped)' },
  { name: 'rx_passes', role: 'event', meaning: 'callbacks of the main loop for a readable tap' },
  {
    name: 'rx_no_buffer_passes',
    role: 'event',
    meaning: 'passes that found no receive buffer posted by the guest: the guest is slow or starved',
  },
  { name: 'register_accesses', role: 'event', meaning: 'register accesses of the guest that were answered' },
  { name: 'interrupts', role: 'event', meaning: 'times the interrupt pin was raised' },
  { name: 'system_calls', role: 'event', meaning: 'system calls made, real or declared' },
] as const satisfies readonly CounterSpec[];
const {
  rx_packets: RX_PACKETS,
  rx_to_guest: RX_TO_GUEST,
  rx_filtered: RX_FILTERED_COUNT,
  rx_oversized: RX_OVERSIZED_COUNT,
  rx_bad_buffer: RX_BAD_BUFFER_COUNT,
  tx_packets: TX_PACKETS,
  tx_to_stack: TX_TO_STACK,
  tx_errors: TX_ERRORS,
  tx_no_buffer: TX_NO_BUFFER,
  backlog_dropped: BACKLOG_DROPPED,
  rx_passes: RX_PASSES,
  rx_no_buffer_passes: RX_NO_BUFFER_PASSES,
  register_accesses: REGISTER_ACCESSES,
  interrupts: INTERRUPTS,
  system_calls: SYSTEM_CALLS,
} = indexCounters(E1000_COUNTERS);

export const E1000_PORTS = portsOf('e1000', {
  tap: port<TapFileLink>({ rx: ({ queue }) => [queue] }),
  guest: port<E1000GuestLink>(),
});

export interface E1000Config extends DeviceConfig {
  /** When its main loop is to be woken for its interrupt mitigation. */
  readonly timer: Region;
}

export interface E1000GuestLink {
  readonly guestMemory: string;
  /** By vCPU: its trap mailbox for this device, and the doorbell of its thread. */
  readonly traps: readonly Region[];
  readonly vcpuDoorbells: readonly Region[];
  /** The interrupt pin, and the doorbell of the vCPU that takes the interrupt. */
  readonly interrupt: Region;
  readonly interruptDoorbell: Region;
  readonly mac: readonly number[];
}

/**
 * Full virtualization: the registers and rings of an 82540EM as the VMM emulates them (QEMU, hw/net/e1000.c), on
 * QEMU's main loop, which a timer wakes when an interrupt may follow the last one. Each register access of the guest
 * is an exit, and its vCPU waits for the answer; a TDT write is answered when its frames are sent. KVM handles an exit
 * on the vCPU's own thread, under the global lock; here the vCPU hands it to the thread that would hold the lock, and
 * the hand-over is real.
 */
export class E1000 implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly config: E1000Config;
  private readonly counters: CounterPage;
  private readonly kernel: KernelEntry;
  private readonly timer: TimerWord;
  private tap: TapFile | null = null;
  private registers: E1000Registers | null = null;
  private dma!: E1000Dma;
  private readonly traps: PciTrapHost[] = [];
  private readonly vcpus: Ringer[] = [];
  private pin!: EventWord;
  private interrupted!: Ringer;
  private asserted = false;
  /** Frames wait in the tap and there is no descriptor: noted once, until the driver gives some. */
  private starved = false;

  constructor(memory: Memory, config: E1000Config) {
    this.memory = memory;
    this.config = config;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
    this.kernel = new KernelEntry(memory, config.costs.syscallNs);
    this.timer = new TimerWord(memory, config.timer);
  }

  attach({ port, link }: JointOf<typeof E1000_PORTS>): void {
    if (port === 'tap') this.tap = new TapFile(this.memory, this.kernel, this.config.tap, link);
    else this.attachGuest(link);
  }

  private attachGuest(link: E1000GuestLink): void {
    const { guestMemory, traps, vcpuDoorbells, interrupt, interruptDoorbell, mac } = link;
    const guest = new GuestMemory(this.memory.buffer(guestMemory));
    this.pin = new EventWord(this.memory, interrupt);
    this.interrupted = new Ringer(this.memory, interruptDoorbell);
    this.registers = new E1000Registers(guest.sizeBytes, mac, {
      transmit: () => this.transmit(),
      receive: () => (this.starved = false),
      interrupt: (asserted) => this.setPin(asserted),
    });
    this.dma = new E1000Dma(guest, this.registers, this.config.tap.slots.frameBytesMax);
    this.traps.length = 0;
    for (const region of traps) this.traps.push(new PciTrapHost(this.memory.words(region), 0));
    this.vcpus.length = 0;
    for (const region of vcpuDoorbells) this.vcpus.push(new Ringer(this.memory, region));
  }

  detach({ port }: SocketOf<typeof E1000_PORTS>): void {
    if (port === 'tap') this.tap = null;
    else this.registers = null;
  }

  poll(budget: number, nowNs: number): number {
    const { registers, tap } = this;
    if (registers === null || tap === null) return 0;
    let moved = 0;
    registers.nowNs = nowNs;
    registers.expire();
    for (let i = 0; i < this.traps.length; i++) {
      if (!this.traps[i].serve(registers)) continue;
      this.counters.values[REGISTER_ACCESSES]++;
      this.wake(this.vcpus[i]);
      moved++;
    }
    moved += this.handleRx(budget, tap, registers);
    this.debtNs += this.kernel.debtNs;
    this.kernel.debtNs = 0;
    this.counters.values[SYSTEM_CALLS] = this.kernel.calls;
    return moved;
  }

  /** tap_send and e1000_receive_iov: from the tap into the receive ring, frame by frame. */
  private handleRx(budget: number, tap: TapFile, registers: E1000Registers): number {
    const counts = this.counters.values;
    if (registers.rxDescriptors === 0) return this.noDescriptors(tap);
    if (tap.beginCallback()) counts[RX_PASSES]++;
    const n = tap.readsNow(budget);
    let moved = 0;
    for (; moved < n && registers.rxDescriptors > 0; moved++) this.receive(tap);
    tap.endReads(moved);
    counts[RX_PACKETS] += moved;
    this.debtNs += moved * this.config.costs.readNs;
    return moved;
  }

  /** e1000_can_receive says no: the frames stay in the tap, and the tap is not polled. */
  private noDescriptors(tap: TapFile): number {
    tap.leaveCallback();
    if (this.starved || tap.readable(1) === 0) return 0;
    this.starved = true;
    this.counters.values[RX_NO_BUFFER_PASSES]++;
    return 0;
  }

  private receive(tap: TapFile): void {
    const length = tap.read();
    const outcome = this.dma.receive(tap.words, tap.bytes, length);
    const counts = this.counters.values;
    if (outcome === RX_DELIVERED) counts[RX_TO_GUEST]++;
    else if (outcome === RX_FILTERED) counts[RX_FILTERED_COUNT]++;
    else counts[outcome === RX_BAD_BUFFER ? RX_BAD_BUFFER_COUNT : RX_OVERSIZED_COUNT]++;
  }

  /** start_xmit: all frames up to TDT, while the vCPU that wrote it waits. */
  private transmit(): void {
    const { tap, dma } = this;
    if (tap === null || this.registers!.txDescriptors === 0) return;
    let frames = 0;
    tap.beginWrites();
    for (let length = dma.nextFrame(); length !== TX_NOTHING; length = dma.nextFrame()) {
      this.send(tap, length);
      frames++;
    }
    tap.endWrites();
    dma.finish();
    this.counters.values[TX_PACKETS] += frames;
    this.debtNs += frames * this.config.costs.writeNs;
  }

  /** One gathered frame through writev(), or dropped. */
  private send(tap: TapFile, length: number): void {
    const counts = this.counters.values;
    if (length === TX_BAD || length < ETH_HEADER_BYTES) {
      counts[TX_ERRORS]++;
      return;
    }
    const id = tap.allocate(length);
    if (id < 0) {
      counts[id === BACKLOG_FULL ? BACKLOG_DROPPED : TX_NO_BUFFER]++;
      return;
    }
    const { slots } = tap;
    copyWords(slots.words, slots.byteOf(id) >> 2, this.dma.words, 0, (length + 3) >> 2);
    tap.write(id);
    counts[TX_TO_STACK]++;
  }

  /** pci_set_irq: an ioctl (KVM_IRQ_LINE) for every change of the level. */
  private setPin(asserted: boolean): void {
    if (asserted === this.asserted) return;
    this.asserted = asserted;
    this.kernel.call();
    if (!asserted) {
      this.pin.take();
      return;
    }
    this.pin.signal();
    this.counters.values[INTERRUPTS]++;
    this.debtNs += this.config.costs.callInjectNs;
    this.wake(this.interrupted);
  }

  private wake(vcpu: Ringer): void {
    if (vcpu.ring()) this.debtNs += this.config.costs.wakeupNs;
  }

  arm(): boolean {
    const { registers, tap } = this;
    if (registers === null || tap === null) return true;
    for (let i = 0; i < this.traps.length; i++) if (this.traps[i].requested) return false;
    const { quietUntilNs, nowNs } = registers;
    this.timer.arm(quietUntilNs > nowNs ? quietUntilNs : Infinity);
    return registers.rxDescriptors === 0 || tap.readable(1) === 0;
  }

  commit(): void {
    this.counters.commit();
  }

  /** Frames in the transmit ring up to TDT, or up to the TDT write that a vCPU has posted. */
  census(out: Census): void {
    this.tap?.census(out);
    const { registers } = this;
    if (registers === null) return;
    let tail = registers.tx.tail;
    for (const trap of this.traps) {
      const posted = trap.postedWrite(TDT, REGISTER_BYTES);
      if (posted >= 0) tail = posted;
    }
    out.frames += this.dma.framesUpTo(tail);
  }
}

export const E1000_DEVICE = component({
  kind: 'e1000',
  place: 'vmm',
  thread: 'vmm',
  drawn: { label: 'VMM', colour: 'violet' },
  lanes: { rx: 5, tx: 7 },
  counters: E1000_COUNTERS,
  ports: E1000_PORTS,
  // Polled alone, 64 frames at a time; a register access counts as a frame.
  measuredCost: { pollNs: 75, frameNs: 300 },
  create: (memory, config: E1000Config) => new E1000(memory, config),
});
