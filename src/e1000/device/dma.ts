/**
 * The emulated 82540EM's work on descriptors and buffers in guest memory (QEMU, hw/net/e1000.c: e1000_receive_iov,
 * start_xmit, process_tx_desc). Each word of a descriptor is read once and checked, since the guest may rewrite it.
 */
import { copyWords } from '../../memory/copy-words.ts';
import { macHigh, macLow } from '../../net/wire/ethernet.ts';
import type { GuestMemory } from '../../virtio/guest/guest-memory.ts';
import * as desc from '../descriptors.ts';
import type { DescriptorRing, E1000Registers } from './register-file.ts';
import { CAUSE_RXDMT0, CAUSE_RXT0, CAUSE_TXDW, CAUSE_TXQE, RX_BUFFER_BYTES } from '../registers.ts';

const WORDS = desc.DESCRIPTOR_WORDS;
const FCS_BYTES = 4;
/** Longest frame received without long packet enable, FCS not counted: MAXIMUM_ETHERNET_VLAN_SIZE in e1000x_common.h. */
const FRAME_BYTES_MAX = 1522;

/** What became of a received frame. */
export const RX_DELIVERED = 0;
/** Not for this station. */
export const RX_FILTERED = 1;
export const RX_OVERSIZED = 2;
/** The descriptor's buffer lies outside guest memory: the frame went nowhere. */
export const RX_BAD_BUFFER = 3;

/** What `nextFrame` answers in place of a length. */
export const TX_NOTHING = 0;
/** A frame that cannot be sent: too long, out of reach, or in descriptors of a kind this device does not know. */
export const TX_BAD = -1;

export class E1000Dma {
  /** Where `nextFrame` gathers a frame, from byte 0: struct e1000_tx in hw/net/e1000.c. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  private readonly guest: GuestMemory;
  private readonly registers: E1000Registers;
  private readonly frameBytesMax: number;
  /** The frame that descriptors so far have not ended. */
  private gathered = 0;
  private bad = false;
  private causes = 0;

  /** @param frameBytesMax longest frame that the network behind takes. */
  constructor(guest: GuestMemory, registers: E1000Registers, frameBytesMax: number) {
    this.guest = guest;
    this.registers = registers;
    this.frameBytesMax = frameBytesMax;
    this.words = new Int32Array((frameBytesMax + 3) >> 2);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  /**
   * Receives a frame that lies at byte 0 of `words` and `bytes`, one memory. The caller has checked `rxDescriptors`.
   * @returns what became of it, an RX_ value.
   */
  receive(words: Int32Array, bytes: Uint8Array, length: number): number {
    if (length > FRAME_BYTES_MAX) return RX_OVERSIZED;
    if (!this.registers.accepts(macHigh(bytes, 0), macLow(bytes, 0))) return RX_FILTERED;
    const { guest } = this;
    const { rx } = this.registers;
    const word = (rx.addr >> 2) + rx.head * WORDS;
    const addr = guest.i32[word + desc.ADDRESS_LOW_WORD];
    const reachable = guest.i32[word + desc.ADDRESS_HIGH_WORD] === 0 && this.inMemory(addr, RX_BUFFER_BYTES);
    if (reachable) {
      this.copyIn(addr, words, bytes, length);
      guest.i32[word + desc.LENGTH_WORD] = length + FCS_BYTES;
    }
    Atomics.store(guest.i32, word + desc.STATUS_WORD, reachable ? desc.STATUS_DD | desc.STATUS_EOP : desc.STATUS_DD);
    rx.head = next(rx);
    const low = this.registers.rxDescriptors <= rx.count >> 1;
    this.registers.raise(low ? CAUSE_RXT0 | CAUSE_RXDMT0 : CAUSE_RXT0);
    return reachable ? RX_DELIVERED : RX_BAD_BUFFER;
  }

  private copyIn(addr: number, words: Int32Array, bytes: Uint8Array, length: number): void {
    const { guest } = this;
    const whole = (addr & 3) === 0 ? length & ~3 : 0;
    if (whole > 0) copyWords(guest.i32, addr >> 2, words, 0, whole >> 2);
    for (let at = whole; at < length; at++) guest.u8[addr + at] = bytes[at];
  }

  /**
   * Takes descriptors up to the end of the next frame, which is then in `words` and `bytes`. A frame whose end the
   * driver has not given yet stays gathered. After the last one call `finish`.
   * @returns its length in bytes, TX_NOTHING or TX_BAD.
   */
  nextFrame(): number {
    const { registers } = this;
    const { tx } = registers;
    while (registers.txDescriptors > 0) {
      const word = (tx.addr >> 2) + tx.head * WORDS;
      const command = this.guest.i32[word + desc.LENGTH_WORD];
      this.gather(this.guest.i32[word], this.guest.i32[word + desc.ADDRESS_HIGH_WORD], command);
      if ((command & desc.COMMAND_RS) !== 0) {
        Atomics.or(this.guest.i32, word + desc.STATUS_WORD, desc.STATUS_DD);
        this.causes |= CAUSE_TXDW;
      }
      if ((command & desc.COMMAND_IDE) !== 0) registers.delayTransmit = true;
      tx.head = next(tx);
      if ((command & desc.COMMAND_EOP) === 0) continue;
      const length = this.bad || this.gathered === 0 ? TX_BAD : this.gathered;
      this.gathered = 0;
      this.bad = false;
      return length;
    }
    return TX_NOTHING;
  }

  private gather(addr: number, high: number, command: number): void {
    const bytes = command & desc.LENGTH_MASK;
    if ((command & desc.COMMAND_DEXT) !== 0 || high !== 0 || !this.inMemory(addr, bytes)) this.bad = true;
    if (this.gathered + bytes > this.frameBytesMax) this.bad = true;
    if (this.bad) return;
    const { guest, gathered } = this;
    const whole = ((addr | gathered) & 3) === 0 ? bytes & ~3 : 0;
    if (whole > 0) copyWords(this.words, gathered >> 2, guest.i32, addr >> 2, whole >> 2);
    for (let at = whole; at < bytes; at++) this.bytes[gathered + at] = guest.u8[addr + at];
    this.gathered += bytes;
  }

  /** All descriptors are sent: TXQE, and TXDW for those that wanted to hear of it. */
  finish(): void {
    const { causes } = this;
    this.causes = 0;
    this.registers.raise(causes | CAUSE_TXQE);
  }

  /** Frames that end in descriptors from TDH up to `tail`, for stock-taking. */
  framesUpTo(tail: number): number {
    const { tx } = this.registers;
    let frames = 0;
    if (tail >= tx.count || tx.head >= tx.count) return 0;
    for (let i = tx.head; i !== tail; i = i + 1 === tx.count ? 0 : i + 1) {
      if ((this.guest.i32[(tx.addr >> 2) + i * WORDS + desc.LENGTH_WORD] & desc.COMMAND_EOP) !== 0) frames++;
    }
    return frames;
  }

  /** Words read as signed: a negative address is one of 2 GiB or more, and no guest has that much. */
  private inMemory(addr: number, bytes: number): boolean {
    return addr > 0 && addr <= this.guest.sizeBytes - bytes;
  }
}

function next({ head, count }: DescriptorRing): number {
  return head + 1 === count ? 0 : head + 1;
}
