import { describe, expect, test } from 'vitest';
import * as desc from '../../../src/e1000/descriptors.ts';
import {
  E1000Dma,
  RX_BAD_BUFFER,
  RX_DELIVERED,
  RX_FILTERED,
  RX_OVERSIZED,
  TX_BAD,
  TX_NOTHING,
} from '../../../src/e1000/device/dma.ts';
import { E1000Registers } from '../../../src/e1000/device/register-file.ts';
import * as regs from '../../../src/e1000/registers.ts';
import { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { ethernet } from '../../support/actor-bed.ts';

const RX_RING = 4096;
const TX_RING = 8192;
const COUNT = 8;
const BUFFER = 65_536;
const OWN = '52:54:00:00:00:01';
const FRAME_BYTES_MAX = 2048;

class DmaBed {
  readonly guest = new GuestMemory(new SharedArrayBuffer(1 << 18));
  readonly registers: E1000Registers;
  readonly dma: E1000Dma;
  pin = false;

  constructor() {
    this.registers = new E1000Registers(this.guest.sizeBytes, [0x52, 0x54, 0, 0, 0, 1], {
      transmit: () => undefined,
      receive: () => undefined,
      interrupt: (asserted) => void (this.pin = asserted),
    });
    this.dma = new E1000Dma(this.guest, this.registers, FRAME_BYTES_MAX);
    this.write(regs.CTRL, regs.CTRL_SLU);
    this.write(regs.RDBAL, RX_RING);
    this.write(regs.RDLEN, COUNT * 16);
    this.write(regs.TDBAL, TX_RING);
    this.write(regs.TDLEN, COUNT * 16);
    this.write(regs.RCTL, regs.RCTL_EN | regs.RCTL_BAM);
    this.write(regs.TCTL, regs.TCTL_EN);
  }

  write(offset: number, value: number): void {
    this.registers.write(offset, 4, value);
  }

  /** Writes a descriptor's address and the word with its length. */
  describe(ring: number, index: number, addr: number, lengthWord = 0): void {
    const word = (ring >> 2) + index * 4;
    this.guest.i32.set([addr, 0, lengthWord, 0], word);
  }

  word(ring: number, index: number, word: number): number {
    return this.guest.i32[(ring >> 2) + index * 4 + word];
  }

  receive(frame: Uint8Array): number {
    const words = new Int32Array(FRAME_BYTES_MAX >> 2);
    const bytes = new Uint8Array(words.buffer);
    bytes.set(frame);
    return this.dma.receive(words, bytes, frame.length);
  }

  causes(): number {
    return this.registers.read(regs.ICR, 4);
  }
}

describe('receive (e1000_receive_iov)', () => {
  test.each([BUFFER, BUFFER + 12, BUFFER + 3])(
    'a frame goes to the buffer at %i; length with FCS, DD and EOP',
    (addr) => {
      const d = new DmaBed();
      d.describe(RX_RING, 0, addr);
      d.write(regs.RDT, 4);
      const frame = ethernet(OWN, '02:00:00:00:00:01', 61);
      frame[60] = 0xab;
      expect(d.receive(frame)).toBe(RX_DELIVERED);
      expect([...d.guest.u8.slice(addr, addr + 61)]).toEqual([...frame]);
      expect(d.word(RX_RING, 0, desc.LENGTH_WORD)).toBe(65);
      expect(d.word(RX_RING, 0, desc.STATUS_WORD)).toBe(desc.STATUS_DD | desc.STATUS_EOP);
      expect([d.registers.rx.head, d.causes() & regs.CAUSE_RXT0]).toEqual([1, regs.CAUSE_RXT0]);
    },
  );

  test('RXDMT0 says that half of the ring or less is left', () => {
    const d = new DmaBed();
    for (let i = 0; i < COUNT; i++) d.describe(RX_RING, i, BUFFER);
    d.write(regs.RDT, 7);
    const low = Array.from({ length: 4 }, () => {
      d.receive(ethernet(OWN, '02:00:00:00:00:01'));
      return (d.causes() & regs.CAUSE_RXDMT0) !== 0;
    });
    expect(low).toEqual([false, false, true, true]);
  });

  test('the ring goes round', () => {
    const d = new DmaBed();
    for (let i = 0; i < COUNT; i++) d.describe(RX_RING, i, BUFFER);
    d.write(regs.RDH, 7);
    d.write(regs.RDT, 3);
    d.receive(ethernet(OWN, '02:00:00:00:00:01'));
    expect([d.registers.rx.head, d.registers.rxDescriptors]).toEqual([0, 3]);
  });

  test.each([
    ['for another station', ethernet('52:54:00:00:00:02', '02:00:00:00:00:01'), RX_FILTERED],
    ['longer than the device receives', ethernet(OWN, '02:00:00:00:00:01', 1523), RX_OVERSIZED],
  ])('a frame %s takes no descriptor', (_, frame, outcome) => {
    const d = new DmaBed();
    d.describe(RX_RING, 0, BUFFER);
    d.write(regs.RDT, 4);
    expect(d.receive(frame)).toBe(outcome);
    expect([d.registers.rx.head, d.causes()]).toEqual([0, 0]);
  });

  test.each([
    ['null', 0],
    ['beyond guest memory', (1 << 18) - 2047],
    ['of 2 GiB and more', -4096],
  ])('a buffer address %s writes nothing; the descriptor is done, without a frame', (_, addr) => {
    const d = new DmaBed();
    d.describe(RX_RING, 0, addr);
    d.write(regs.RDT, 4);
    const before = d.guest.u8.slice(BUFFER);
    expect(d.receive(ethernet(OWN, '02:00:00:00:00:01'))).toBe(RX_BAD_BUFFER);
    expect(d.word(RX_RING, 0, desc.STATUS_WORD)).toBe(desc.STATUS_DD);
    expect(d.guest.u8.slice(BUFFER)).toEqual(before);
  });
});

describe('transmit (start_xmit, process_tx_desc)', () => {
  const END = desc.COMMAND_EOP | desc.COMMAND_RS;

  test('one descriptor, one frame, and DD where status was asked for', () => {
    const d = new DmaBed();
    d.guest.u8.fill(7, BUFFER, BUFFER + 60);
    d.describe(TX_RING, 0, BUFFER, 60 | END);
    d.describe(TX_RING, 1, BUFFER, 60 | desc.COMMAND_EOP);
    d.write(regs.TDT, 2);
    expect([d.dma.nextFrame(), d.dma.nextFrame(), d.dma.nextFrame()]).toEqual([60, 60, TX_NOTHING]);
    expect([...d.dma.bytes.slice(0, 60)]).toEqual(new Array(60).fill(7));
    expect([d.word(TX_RING, 0, desc.STATUS_WORD), d.word(TX_RING, 1, desc.STATUS_WORD)]).toEqual([desc.STATUS_DD, 0]);
    d.dma.finish();
    expect(d.causes()).toBe(regs.CAUSE_TXDW | regs.CAUSE_TXQE);
  });

  test('a frame in pieces of any length and alignment is gathered, over several tail writes too', () => {
    const d = new DmaBed();
    for (let i = 0; i < 60; i++) d.guest.u8[BUFFER + i] = i;
    d.describe(TX_RING, 0, BUFFER, 13);
    d.describe(TX_RING, 1, BUFFER + 13, 27);
    d.describe(TX_RING, 2, BUFFER + 40, 20 | END);
    d.write(regs.TDT, 2);
    expect(d.dma.nextFrame()).toBe(TX_NOTHING);
    d.write(regs.TDT, 3);
    expect(d.dma.nextFrame()).toBe(60);
    expect([...d.dma.bytes.slice(0, 60)]).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  test.each([
    ['its buffer is null', 0, 60],
    ['its buffer lies beyond guest memory', (1 << 18) - 32, 60],
    ['it is empty', BUFFER, 0],
    ['its descriptor is extended', BUFFER, 60 | desc.COMMAND_DEXT],
  ])('a frame is bad when %s, and the next one is not', (_, addr, lengthWord) => {
    const d = new DmaBed();
    d.describe(TX_RING, 0, addr, lengthWord | END);
    d.describe(TX_RING, 1, BUFFER, 60 | END);
    d.write(regs.TDT, 2);
    expect([d.dma.nextFrame(), d.dma.nextFrame()]).toEqual([TX_BAD, 60]);
    expect(d.word(TX_RING, 0, desc.STATUS_WORD)).toBe(desc.STATUS_DD);
  });

  test('a frame that its pieces make too long is bad', () => {
    const d = new DmaBed();
    d.describe(TX_RING, 0, BUFFER, 2000);
    d.describe(TX_RING, 1, BUFFER, 60 | END);
    d.write(regs.TDT, 2);
    expect(d.dma.nextFrame()).toBe(TX_BAD);
  });

  test('frames up to a tail are counted by their ends, round the end of the ring', () => {
    const d = new DmaBed();
    d.write(regs.TDH, 6);
    d.write(regs.TDT, 6);
    d.describe(TX_RING, 6, BUFFER, 30);
    d.describe(TX_RING, 7, BUFFER, 30 | END);
    d.describe(TX_RING, 0, BUFFER, 60 | END);
    expect([d.dma.framesUpTo(6), d.dma.framesUpTo(1), d.dma.framesUpTo(99)]).toEqual([0, 2, 0]);
  });
});
