/**
 * The guest driver's initialisation (e1000_probe and e1000_open of Linux, as far as registers go that are here), one
 * trapped register access at a time. Never blocks: `step` posts an access or takes its answer.
 */
import type { PciTrapGuest } from '../../virtio/pci/pci-trap.ts';
import { DESCRIPTOR_BYTES } from '../descriptors.ts';
import type { DriverRingRef } from './driver-rings.ts';
import { FIRST_ITR } from './driver-throttle.ts';
import * as regs from '../registers.ts';

/** Defaults of e1000_param.c, in units of 1,024 ns. Zero for RDTR turns RADV off. */
const TX_INT_DELAY = 8;
const TX_ABS_INT_DELAY = 32;
const RX_INT_DELAY = 0;
const RX_ABS_INT_DELAY = 8;

interface Access {
  readonly offset: number;
  /** Null for a read. */
  readonly value: number | null;
}

type Steps<Result> = Generator<Access, Result, number>;

export class E1000Probe {
  private readonly trap: PciTrapGuest;
  private readonly steps: Steps<void>;
  private waiting = false;

  constructor(trap: PciTrapGuest, rx: DriverRingRef, tx: DriverRingRef) {
    this.trap = trap;
    this.steps = probe(rx, tx);
  }

  /** Whether `step` would find something to do: the look before sleeping. */
  get answered(): boolean {
    return !this.waiting || this.trap.answered;
  }

  /** Goes on as far as one register access. 'busy' means that an access is with the VMM: ring its doorbell. */
  step(): 'busy' | 'ready' {
    if (this.waiting && !this.trap.poll()) return 'busy';
    this.waiting = false;
    const next = this.steps.next(this.trap.value);
    if (next.done === true) return 'ready';
    const { offset, value } = next.value;
    if (value === null) this.trap.postRead(offset, regs.REGISTER_BYTES);
    else this.trap.postWrite(offset, regs.REGISTER_BYTES, value);
    this.waiting = true;
    return 'busy';
  }
}

/** Interrupts stay masked, and the receive ring is empty: the driver fills it and enables them when this is done. */
function* probe(rx: DriverRingRef, tx: DriverRingRef): Steps<void> {
  yield* write(regs.IMC, 0xffff_ffff);
  yield* write(regs.CTRL, regs.CTRL_RST);
  yield* write(regs.IMC, 0xffff_ffff);
  yield* read(regs.ICR);
  yield* write(regs.CTRL, regs.CTRL_SLU);
  while (((yield* read(regs.STATUS)) & regs.STATUS_LU) === 0);
  yield* placeRing(tx, regs.TDBAL, regs.TDLEN);
  yield* write(regs.TDT, 0);
  yield* write(regs.TDH, 0);
  yield* write(regs.TIDV, TX_INT_DELAY);
  yield* write(regs.TADV, TX_ABS_INT_DELAY);
  yield* write(regs.TCTL, regs.TCTL_EN | regs.TCTL_PSP);
  yield* write(regs.RDTR, RX_INT_DELAY);
  yield* write(regs.RADV, RX_ABS_INT_DELAY);
  yield* write(regs.ITR, FIRST_ITR);
  yield* placeRing(rx, regs.RDBAL, regs.RDLEN);
  yield* write(regs.RDT, 0);
  yield* write(regs.RDH, 0);
  yield* write(regs.RCTL, regs.RCTL_EN | regs.RCTL_BAM);
}

function* placeRing({ descriptors, count }: DriverRingRef, base: number, length: number): Steps<void> {
  yield* write(length, count * DESCRIPTOR_BYTES);
  yield* write(base + 4, 0);
  yield* write(base, descriptors.offsetBytes);
}

function* read(offset: number): Steps<number> {
  return yield { offset, value: null };
}

function* write(offset: number, value: number): Steps<void> {
  yield { offset, value };
}
