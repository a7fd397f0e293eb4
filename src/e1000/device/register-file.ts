/**
 * The registers of the emulated 82540EM and what reading and writing them does (QEMU, hw/net/e1000.c: mac_icr_read,
 * set_ims, set_imc, set_tctl, set_rdt, set_interrupt_cause). The guest is not trusted: registers without meaning here
 * keep nothing, and rings that do not lie in guest memory are rings of no descriptors.
 */
import { isMulticast } from '../../net/wire/ethernet.ts';
import type { PciRegisterFile } from '../../virtio/pci/pci-trap.ts';
import { DESCRIPTOR_BYTES, RING_DESCRIPTORS_MAX, RING_UNIT } from '../descriptors.ts';
import * as regs from '../registers.ts';

/** What an access sets off in the device, before the guest runs on. */
export interface E1000Hooks {
  /** There are descriptors to transmit: TDT or TCTL was written. */
  transmit(): void;
  /** There may be descriptors to receive into: RDT or RCTL was written. */
  receive(): void;
  /** The interrupt pin is to be at this level. */
  interrupt(asserted: boolean): void;
}

const DELAY_UNIT_NS = 256;

/** One descriptor ring as the registers describe it. */
export interface DescriptorRing {
  /** First byte in guest memory; a multiple of 16. */
  addr: number;
  /** Descriptors, zero while the ring is not usable. */
  count: number;
  head: number;
  tail: number;
}

export class E1000Registers implements PciRegisterFile {
  readonly rx: DescriptorRing = { addr: 0, count: 0, head: 0, tail: 0 };
  readonly tx: DescriptorRing = { addr: 0, count: 0, head: 0, tail: 0 };
  private readonly words = new Int32Array(regs.RAH / regs.REGISTER_BYTES + 1);
  private readonly memoryBytes: number;
  private readonly mac: readonly number[];
  private readonly hooks: E1000Hooks;
  private causes = 0;
  private mask = 0;
  private asserted = false;
  /** Time of the access or the frame that is being served; set by the device before either, ns. */
  nowNs = 0;
  /** Until then no interrupt follows the last one: QEMU's mit_timer. */
  quietUntilNs = 0;
  /** A descriptor was sent whose interrupt may be delayed: QEMU's mit_ide. */
  delayTransmit = false;

  /** @param mac six octets, which a reset brings back into RAL and RAH. */
  constructor(memoryBytes: number, mac: readonly number[], hooks: E1000Hooks) {
    this.memoryBytes = memoryBytes;
    this.mac = mac;
    this.hooks = hooks;
    this.reset();
  }

  private reset(): void {
    this.words.fill(0);
    this.causes = 0;
    this.mask = 0;
    this.asserted = false;
    this.quietUntilNs = 0;
    this.delayTransmit = false;
    const [a, b, c, d, e, f] = this.mac;
    this.set(regs.RAL, a | (b << 8) | (c << 16) | (d << 24));
    this.set(regs.RAH, e | (f << 8) | regs.RAH_VALID);
    this.set(regs.STATUS, regs.STATUS_FD);
    this.placeRings();
  }

  private at(offset: number): number {
    return this.words[offset / regs.REGISTER_BYTES];
  }

  private set(offset: number, value: number): void {
    this.words[offset / regs.REGISTER_BYTES] = value;
  }

  /** A trapped load. What is no register reads as zero (e1000_mmio_read). */
  read(offset: number, width: number): number {
    if (width !== regs.REGISTER_BYTES) return 0;
    switch (offset) {
      case regs.ICR: {
        const { causes } = this;
        this.causes = 0;
        this.updatePin();
        return causes;
      }
      case regs.ICS:
        return this.causes;
      case regs.IMS:
        return this.mask;
      case regs.RDH:
        return this.rx.head;
      case regs.RDT:
        return this.rx.tail;
      case regs.TDH:
        return this.tx.head;
      case regs.TDT:
        return this.tx.tail;
      case regs.IMC:
        return 0;
      default:
        return isPlain(offset) || offset === regs.STATUS ? this.at(offset) >>> 0 : 0;
    }
  }

  /** A trapped store. */
  write(offset: number, width: number, value: number): void {
    if (width !== regs.REGISTER_BYTES) return;
    switch (offset) {
      case regs.CTRL:
        return this.writeCtrl(value);
      case regs.ICR:
        this.causes &= ~value;
        return this.updatePin();
      case regs.ICS:
        return this.raise(value);
      case regs.IMS:
        this.mask |= value;
        return this.updatePin();
      case regs.IMC:
        this.mask &= ~value;
        return this.updatePin();
      case regs.RDH:
        this.rx.head = value & 0xffff;
        return;
      case regs.TDH:
        this.tx.head = value & 0xffff;
        return;
      case regs.RDT:
        this.rx.tail = value & 0xffff;
        return this.hooks.receive();
      case regs.TDT:
        this.tx.tail = value & 0xffff;
        return this.hooks.transmit();
      default:
        if (!isPlain(offset)) return;
        this.set(offset, isDelay(offset) ? value & 0xffff : value | 0);
        this.placeRings();
        if (offset === regs.TCTL) this.hooks.transmit();
        if (offset === regs.RCTL) this.hooks.receive();
    }
  }

  /** The link is up as soon as the driver asks for it: the other end of a tap is always there. */
  private writeCtrl(value: number): void {
    if ((value & regs.CTRL_RST) !== 0) {
      this.reset();
      this.hooks.interrupt(false);
      return;
    }
    this.set(regs.CTRL, value | 0);
    if ((value & regs.CTRL_SLU) !== 0) this.set(regs.STATUS, this.at(regs.STATUS) | regs.STATUS_LU);
  }

  private placeRings(): void {
    this.place(this.rx, regs.RDBAL, regs.RDBAH, regs.RDLEN);
    this.place(this.tx, regs.TDBAL, regs.TDBAH, regs.TDLEN);
  }

  private place(ring: DescriptorRing, low: number, high: number, length: number): void {
    const addr = (this.at(low) & ~(DESCRIPTOR_BYTES - 1)) >>> 0;
    const count = (this.at(length) >>> 0) / DESCRIPTOR_BYTES;
    const usable =
      this.at(high) === 0 &&
      count % RING_UNIT === 0 &&
      count <= RING_DESCRIPTORS_MAX &&
      addr + count * DESCRIPTOR_BYTES <= this.memoryBytes;
    ring.addr = usable ? addr : 0;
    ring.count = usable ? count : 0;
  }

  /** Sets causes and the pin (set_ics). */
  raise(causes: number): void {
    this.causes |= causes;
    this.updatePin();
  }

  /** Ends the quiet time after an interrupt if it is over: the causes since then have theirs (e1000_mit_timer). */
  expire(): void {
    if (this.nowNs >= this.quietUntilNs) this.updatePin();
  }

  /** The pin follows what is pending, but rises only if the last interrupt is long enough ago (set_interrupt_cause). */
  private updatePin(): void {
    const pending = this.causes & this.mask;
    if (pending !== 0 && !this.asserted) {
      if (this.nowNs < this.quietUntilNs) return;
      this.quietUntilNs = this.nowNs + this.mitigationNs(pending);
      this.delayTransmit = false;
    }
    this.asserted = pending !== 0;
    this.hooks.interrupt(this.asserted);
  }

  /**
   * The shortest of the delays that apply. As in QEMU 1.7, the first to have them, RDTR only enables RADV and TIDV does
   * nothing; later versions take 500 units of 256 ns for the least, which is an example in the manual.
   */
  private mitigationNs(pending: number): number {
    let units = this.at(regs.ITR);
    const transmitted = (pending & (regs.CAUSE_TXDW | regs.CAUSE_TXQE)) !== 0;
    if (transmitted && this.delayTransmit) units = shorter(units, this.at(regs.TADV) * 4);
    if ((pending & regs.CAUSE_RXT0) !== 0 && this.at(regs.RDTR) !== 0) units = shorter(units, this.at(regs.RADV) * 4);
    return units * DELAY_UNIT_NS;
  }

  /** Descriptors that frames may be received into: from RDH up to RDT, none while the receiver is off. */
  get rxDescriptors(): number {
    const on = (this.at(regs.RCTL) & regs.RCTL_EN) !== 0 && (this.at(regs.STATUS) & regs.STATUS_LU) !== 0;
    const plainBuffers = (this.at(regs.RCTL) & regs.RCTL_BSIZE_MASK) === 0;
    return on && plainBuffers ? distance(this.rx) : 0;
  }

  /** Descriptors to transmit: from TDH up to TDT, none while the transmitter is off. */
  get txDescriptors(): number {
    return (this.at(regs.TCTL) & regs.TCTL_EN) !== 0 ? distance(this.tx) : 0;
  }

  /**
   * Whether the address filter takes a frame for this destination, its first 16 and last 32 bits
   * (e1000x_rx_group_filter).
   */
  accepts(high: number, low: number): boolean {
    const rctl = this.at(regs.RCTL);
    if (isMulticast(high)) {
      const broadcast = high === 0xffff && low === -1;
      return (rctl & regs.RCTL_MPE) !== 0 || (broadcast && (rctl & regs.RCTL_BAM) !== 0);
    }
    if ((rctl & regs.RCTL_UPE) !== 0) return true;
    const rah = this.at(regs.RAH);
    const ral = this.at(regs.RAL);
    if ((rah & regs.RAH_VALID) === 0 || (((ral & 0xff) << 8) | ((ral >>> 8) & 0xff)) !== high) return false;
    return (((ral & 0xff_0000) << 8) | ((ral >>> 8) & 0xff_0000) | ((rah & 0xff) << 8) | ((rah >>> 8) & 0xff)) === low;
  }
}

/** Of two delays, of which zero is none (mit_update_delay). */
function shorter(a: number, b: number): number {
  return a === 0 || (b !== 0 && b < a) ? b : a;
}

function isDelay(offset: number): boolean {
  switch (offset) {
    case regs.ITR:
    case regs.RDTR:
    case regs.RADV:
    case regs.TIDV:
    case regs.TADV:
      return true;
    default:
      return false;
  }
}

/** Registers that keep what is written and do nothing else by themselves. */
function isPlain(offset: number): boolean {
  switch (offset) {
    case regs.CTRL:
    case regs.RCTL:
    case regs.TCTL:
    case regs.RDBAL:
    case regs.RDBAH:
    case regs.RDLEN:
    case regs.TDBAL:
    case regs.TDBAH:
    case regs.TDLEN:
    case regs.RAL:
    case regs.RAH:
      return true;
    default:
      return isDelay(offset);
  }
}

/** Descriptors the hardware owns; none when an index lies outside the ring, as only a broken driver puts it. */
function distance({ count, head, tail }: DescriptorRing): number {
  if (head >= count || tail >= count) return 0;
  return tail >= head ? tail - head : tail - head + count;
}
