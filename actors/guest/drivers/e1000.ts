/**
 * In Linux: drivers/net/ethernet/intel/e1000, in the guest.
 * In: the receive ring that ../../vmm/e1000.ts fills. Out: the transmit ring that the same device empties.
 * Thread: the vCPU's.
 */
import type { Memory, Region } from '../../../src/memory/arena.ts';
import { EventWord, Ringer, ringAll, ringersOf } from '../../../src/memory/doorbell.ts';
import { FrameFifo } from '../../../src/memory/frame-fifo.ts';
import type { Magazine } from '../../../src/memory/magazine.ts';
import {
  E1000RxRing,
  E1000TxRing,
  RX_BUFFER_WRITE,
  TX_STOP_DESCRIPTORS,
} from '../../../src/e1000/driver/driver-rings.ts';
import type { DriverRingRef, DriverTxRingRef } from '../../../src/e1000/driver/driver-rings.ts';
import { InterruptThrottle } from '../../../src/e1000/driver/driver-throttle.ts';
import { E1000Probe } from '../../../src/e1000/driver/probe.ts';
import * as regs from '../../../src/e1000/registers.ts';
import type { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { PciTrapGuest } from '../../../src/virtio/pci/pci-trap.ts';
import type { Census } from '../../actor.ts';
import { DriverAccounts } from './nic-driver.ts';
import type { NicDriver, NicIdentity } from './nic-driver.ts';

/** Where the driver stands. Interrupts are masked in all states but IDLE and READ_CAUSE. */
const IDLE = 0;
/** e1000_intr: which cause; then mask them all; then wait for the write to arrive. */
const READ_CAUSE = 1;
const MASK = 2;
const MASK_FLUSH = 3;
/** e1000_clean: the NAPI poll. */
const POLLING = 4;
/** The poll has found no more frames: once they are on their way, interrupts come on again (e1000_irq_enable). */
const COMPLETING = 5;
/** Before that their rate may change (e1000_set_itr). */
const THROTTLE = 6;
const UNMASK = 7;
const UNMASK_FLUSH = 8;

/** Frames of one NAPI poll: the weight of netif_napi_add in e1000_probe. */
const NAPI_WEIGHT = 64;
const ALL_CAUSES = 0xffff_ffff;
const UP_WORD = 0;
const NOTHING_POSTED = -1;

/** An emulated e1000. */
export interface E1000NicLink extends NicIdentity {
  readonly kind: 'e1000';
  readonly rx: DriverRingRef;
  readonly tx: DriverTxRingRef;
  readonly qdiscFrames: number;
  /** This vCPU's trap mailbox for the device: each vCPU has an access of its own under way. */
  readonly trap: Region;
  readonly vmmDoorbell: Region;
  /** The device's interrupt pin. */
  readonly interrupt: Region;
  /** Of all vCPUs of the guest: who may wait for transmission. */
  readonly vcpuDoorbells: readonly Region[];
  /** CPU time of the exit that a register access is, ns. */
  readonly exitNs: number;
}

/**
 * The e1000 driver of one vNIC on one vCPU (drivers/net/ethernet/intel/e1000/e1000_main.c, v3.13): e1000_intr,
 * e1000_clean, e1000_alloc_rx_buffers and e1000_xmit_frame. Every register access leaves the guest and waits for the
 * VMM, so what is one function there is a sequence of states here.
 */
export class E1000Driver implements NicDriver {
  readonly accounts = new DriverAccounts();
  readonly exitNs: number;
  up = false;
  trapped = false;
  private readonly owner: boolean;
  private readonly published: Int32Array;
  private readonly rx: E1000RxRing | null;
  private readonly tx: E1000TxRing;
  private readonly qdisc: FrameFifo;
  private readonly trap: PciTrapGuest;
  private readonly probe: E1000Probe | null;
  private readonly vmm: Ringer;
  private readonly interrupt: EventWord;
  private readonly vcpus: readonly Ringer[];
  private state = COMPLETING;
  private pollLeft = NAPI_WEIGHT;
  private readonly throttle = new InterruptThrottle();
  private itr = 0;
  /** The access that is with the VMM is a TDT write: the transmit lock is held across it, as netif_tx_lock is. */
  private transmitting = false;

  constructor(memory: Memory, guest: GuestMemory, buffers: Magazine, link: E1000NicLink) {
    this.owner = link.owner;
    this.exitNs = link.exitNs;
    this.published = memory.words(link.published);
    this.tx = new E1000TxRing(memory, guest, link.tx, buffers);
    this.qdisc = new FrameFifo(link.qdiscFrames);
    this.trap = new PciTrapGuest(memory.words(link.trap), 0);
    this.vmm = new Ringer(memory, link.vmmDoorbell);
    this.interrupt = new EventWord(memory, link.interrupt);
    this.vcpus = ringersOf(memory, link.vcpuDoorbells);
    const probing = link.owner && Atomics.load(this.published, UP_WORD) === 0;
    this.rx = link.owner ? new E1000RxRing(memory, guest, link.rx, buffers) : null;
    this.probe = probing ? new E1000Probe(this.trap, link.rx, link.tx) : null;
    if (probing) this.tx.initialise();
  }

  bringUp(): void {
    if (this.probe === null) {
      this.up = Atomics.load(this.published, UP_WORD) === 1;
      return;
    }
    if (this.probe.step() === 'busy') {
      this.vmm.ring();
      return;
    }
    this.up = true;
    Atomics.store(this.published, UP_WORD, 1);
  }

  quiet(): boolean {
    return this.probe === null ? Atomics.load(this.published, UP_WORD) === 0 : !this.probe.answered;
  }

  private read(offset: number): void {
    this.trap.postRead(offset, regs.REGISTER_BYTES);
    this.leave();
  }

  private write(offset: number, value: number): void {
    this.trap.postWrite(offset, regs.REGISTER_BYTES, value);
    this.leave();
  }

  private leave(): void {
    this.trapped = true;
    this.accounts.exits++;
    this.vmm.ring();
  }

  get answered(): boolean {
    return this.trap.answered;
  }

  resume(): boolean {
    if (!this.trap.poll()) return false;
    this.trapped = false;
    if (this.transmitting) this.unlock();
    switch (this.state) {
      case READ_CAUSE:
        // Not ours: IRQ_NONE.
        if (this.trap.value === 0) {
          this.state = IDLE;
          return true;
        }
        return this.enter(MASK);
      case MASK:
        return this.enter(MASK_FLUSH);
      case MASK_FLUSH:
        this.state = POLLING;
        this.pollLeft = NAPI_WEIGHT;
        this.throttle.begin();
        this.cleanTransmitRing();
        return true;
      case THROTTLE:
        return this.enter(UNMASK);
      case UNMASK:
        return this.enter(UNMASK_FLUSH);
      case UNMASK_FLUSH:
        this.state = IDLE;
        return true;
      default:
        return true;
    }
  }

  /** Makes the register access that a state begins with. E1000_WRITE_FLUSH is a read of STATUS. */
  private enter(state: number): false {
    this.state = state;
    if (state === READ_CAUSE) this.read(regs.ICR);
    else if (state === MASK) this.write(regs.IMC, ALL_CAUSES);
    else if (state === THROTTLE) this.write(regs.ITR, this.itr);
    else if (state === UNMASK) this.write(regs.IMS, regs.CAUSES_ENABLED);
    else this.read(regs.STATUS);
    return false;
  }

  receive(budget: number): number {
    const { rx } = this;
    if (rx === null) return 0;
    if (this.state === IDLE) {
      if (!this.interrupt.pending) return 0;
      this.accounts.interrupts++;
      this.enter(READ_CAUSE);
      return 0;
    }
    if (this.state === POLLING) {
      const ready = rx.ready(Math.min(budget, this.pollLeft, RX_BUFFER_WRITE));
      if (ready > 0) {
        this.pollLeft -= ready;
        return ready;
      }
      this.endPoll(rx);
      return 0;
    }
    this.itr = this.throttle.next();
    this.enter(this.itr < 0 ? UNMASK : THROTTLE);
    return 0;
  }

  /** A poll that used its weight is polled again; otherwise it completes, when what it forwarded is on its way. */
  private endPoll(rx: E1000RxRing): void {
    if (this.pollLeft === 0) {
      this.pollLeft = NAPI_WEIGHT;
      this.cleanTransmitRing();
    } else {
      this.state = COMPLETING;
    }
    this.post(rx.refill(true));
  }

  take(): number {
    const addr = this.rx!.take();
    this.throttle.rxFrames++;
    this.throttle.rxBytes += this.rx!.frameBytes;
    return addr;
  }

  get frameBytes(): number {
    return this.rx!.frameBytes;
  }

  /** While interrupts are masked, the poll refills batch by batch; else only what could not be refilled before. */
  refill(): void {
    const { rx } = this;
    if (rx === null || this.trapped) return;
    if (this.state !== IDLE || rx.short) this.post(rx.refill(this.state !== POLLING));
  }

  private post(tail: number): void {
    if (tail === NOTHING_POSTED) return;
    this.accounts.rxKicks++;
    this.write(regs.RDT, tail);
  }

  get starved(): boolean {
    return this.rx !== null && this.rx.short;
  }

  enqueue(addr: number, bytes: number): boolean {
    return this.qdisc.push(addr, bytes);
  }

  get backlog(): number {
    return this.qdisc.count;
  }

  /** One frame: each has a TDT write of its own in v3.13, and the transmit lock is held until it is done. */
  transmit(): void {
    const { tx, qdisc, accounts } = this;
    if (!tx.lock.tryAcquire()) {
      accounts.contended++;
      return;
    }
    if (tx.unused < TX_STOP_DESCRIPTORS) return this.unlock();
    const tail = tx.put(qdisc.addr, qdisc.bytes);
    qdisc.shift();
    if (qdisc.count === 0) tx.wait(false);
    accounts.sent++;
    accounts.txKicks++;
    this.transmitting = true;
    this.write(regs.TDT, tail);
  }

  private unlock(): void {
    this.transmitting = false;
    this.tx.lock.release();
    if (this.tx.awaited) ringAll(this.vcpus);
  }

  /** By the owner, in its poll: e1000_clean_tx_irq, and netif_wake_queue. */
  private cleanTransmitRing(): void {
    const { tx, throttle } = this;
    if (tx.clean()) ringAll(this.vcpus);
    throttle.txFrames += tx.cleanedFrames;
    throttle.txBytes += tx.cleanedBytes;
    tx.cleanedFrames = 0;
    tx.cleanedBytes = 0;
  }

  armReceive(): boolean {
    return !this.owner || (this.state === IDLE && !this.interrupt.pending);
  }

  /** Whoever holds the lock or cleans the ring rings the doorbell of those who wait. */
  armTransmit(): boolean {
    const { tx } = this;
    tx.wait(true);
    return tx.lock.taken || this.qdisc.count === 0 || tx.unused < TX_STOP_DESCRIPTORS;
  }

  census(out: Census): void {
    const waiting = this.qdisc.entries();
    out.frames += waiting.length;
    for (const addr of waiting) out.guestBuffers.push(addr);
    if (this.rx === null) return;
    for (const addr of this.rx.entries()) out.guestBuffers.push(addr);
    for (const addr of this.tx.entries()) out.guestBuffers.push(addr);
    out.frames += this.rx.ready(Infinity);
  }
}
