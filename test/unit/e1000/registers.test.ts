import { describe, expect, test } from 'vitest';
import { E1000Registers } from '../../../src/e1000/device/register-file.ts';
import * as regs from '../../../src/e1000/registers.ts';

const MAC = [0x52, 0x54, 0x00, 0x00, 0x00, 0x01];
const MEMORY_BYTES = 1 << 20;

/** Registers with what they set off, in order. */
function device(): { r: E1000Registers; log: string[]; pin: () => boolean } {
  const log: string[] = [];
  let level = false;
  const r = new E1000Registers(MEMORY_BYTES, MAC, {
    transmit: () => void log.push('transmit'),
    receive: () => void log.push('receive'),
    interrupt: (asserted) => void (level = asserted),
  });
  return { r, log, pin: () => level };
}

const write = (r: E1000Registers, offset: number, value: number): void => r.write(offset, 4, value);
const read = (r: E1000Registers, offset: number): number => r.read(offset, 4);

function placeRings(r: E1000Registers, count = 8): void {
  write(r, regs.CTRL, regs.CTRL_SLU);
  for (const [base, length] of [
    [regs.RDBAL, regs.RDLEN],
    [regs.TDBAL, regs.TDLEN],
  ]) {
    write(r, base, 4096);
    write(r, length, count * 16);
  }
  write(r, regs.RCTL, regs.RCTL_EN | regs.RCTL_BAM);
  write(r, regs.TCTL, regs.TCTL_EN);
}

describe('interrupts (8254x manual, section 13.4.17 on)', () => {
  test('the pin follows ICR and IMS, and reading ICR clears both the causes and the pin', () => {
    const { r, pin } = device();
    r.raise(regs.CAUSE_RXT0);
    expect(pin()).toBe(false);
    write(r, regs.IMS, regs.CAUSE_RXT0 | regs.CAUSE_TXDW);
    expect(pin()).toBe(true);
    expect(read(r, regs.ICR)).toBe(regs.CAUSE_RXT0);
    expect(pin()).toBe(false);
    expect(read(r, regs.ICR)).toBe(0);
  });

  test('IMC masks what it names and keeps the cause; IMS adds; both read back as the mask or nothing', () => {
    const { r, pin } = device();
    write(r, regs.IMS, regs.CAUSE_RXT0 | regs.CAUSE_TXDW);
    r.raise(regs.CAUSE_TXDW);
    write(r, regs.IMC, regs.CAUSE_TXDW);
    expect([pin(), read(r, regs.IMS), read(r, regs.IMC)]).toEqual([false, regs.CAUSE_RXT0, 0]);
    write(r, regs.IMS, regs.CAUSE_TXDW);
    expect(pin()).toBe(true);
  });

  test('ICS sets causes as hardware would, and ones written to ICR clear them', () => {
    const { r, pin } = device();
    write(r, regs.IMS, 0xff);
    write(r, regs.ICS, regs.CAUSE_LSC | regs.CAUSE_RXO);
    write(r, regs.ICR, regs.CAUSE_LSC);
    expect([read(r, regs.ICS), pin()]).toEqual([regs.CAUSE_RXO, true]);
    write(r, regs.ICR, regs.CAUSE_RXO);
    expect(pin()).toBe(false);
  });

  test('a reset clears mask, causes and rings, takes the link down and brings the address back', () => {
    const { r, pin } = device();
    placeRings(r);
    write(r, regs.RDT, 4);
    write(r, regs.RAL, 0);
    write(r, regs.IMS, 0xff);
    r.raise(regs.CAUSE_RXT0);
    write(r, regs.CTRL, regs.CTRL_RST);
    expect([pin(), r.rxDescriptors, read(r, regs.IMS), read(r, regs.ICR), read(r, regs.CTRL)]).toEqual([
      false,
      0,
      0,
      0,
      0,
    ]);
    expect(read(r, regs.STATUS) & regs.STATUS_LU).toBe(0);
    expect([read(r, regs.RAL), read(r, regs.RAH)]).toEqual([0x0000_5452, 0x8000_0100]);
  });
});

describe('interrupt mitigation (8254x manual, sections 13.4.18, 13.4.30, 13.4.31 and 13.4.45)', () => {
  /** Raises a cause at a time, and takes the interrupt if there is one. */
  function interrupted(r: E1000Registers, pin: () => boolean, causes: number, atNs: number): boolean {
    r.nowNs = atNs;
    r.expire();
    r.raise(causes);
    const asserted = pin();
    if (asserted) read(r, regs.ICR);
    return asserted;
  }

  test('ITR keeps interrupts apart, and what was held back comes when the time is over', () => {
    const { r, pin } = device();
    write(r, regs.IMS, 0xff);
    write(r, regs.ITR, 195);
    expect(interrupted(r, pin, regs.CAUSE_RXT0, 1000)).toBe(true);
    expect(r.quietUntilNs).toBe(1000 + 195 * 256);
    expect(interrupted(r, pin, regs.CAUSE_RXT0, 2000)).toBe(false);
    r.nowNs = 1000 + 195 * 256 - 1;
    r.expire();
    expect(pin()).toBe(false);
    r.nowNs++;
    r.expire();
    expect([pin(), read(r, regs.ICR)]).toEqual([true, regs.CAUSE_RXT0]);
    expect(r.quietUntilNs).toBe(1000 + 2 * 195 * 256);
  });

  test('causes that come unmasked within it wait as well; without ITR nothing does', () => {
    const { r, pin } = device();
    write(r, regs.IMS, 0xff);
    expect(interrupted(r, pin, regs.CAUSE_RXT0, 0)).toBe(true);
    expect(interrupted(r, pin, regs.CAUSE_RXT0, 0)).toBe(true);
    write(r, regs.ITR, 976);
    expect(interrupted(r, pin, regs.CAUSE_LSC, 0)).toBe(true);
    write(r, regs.IMC, 0xff);
    r.raise(regs.CAUSE_RXT0);
    write(r, regs.IMS, regs.CAUSE_RXT0);
    expect(pin()).toBe(false);
  });

  test.each([
    ['TADV for descriptors that asked for it', regs.CAUSE_TXDW, true, 0, 32 * 1024],
    ['and not for others', regs.CAUSE_TXDW, false, 0, 976 * 256],
    ['nor for receive', regs.CAUSE_RXT0, true, 0, 976 * 256],
    ['RADV when RDTR is not zero', regs.CAUSE_RXT0, false, 1, 8 * 1024],
    ['the shorter of both', regs.CAUSE_RXT0 | regs.CAUSE_TXQE, true, 1, 8 * 1024],
  ])('a shorter delay counts: %s', (_, causes, asked, rdtr, quietNs) => {
    const { r, pin } = device();
    write(r, regs.IMS, 0xff);
    for (const [offset, value] of [
      [regs.ITR, 976],
      [regs.TADV, 32],
      [regs.RDTR, rdtr],
      [regs.RADV, 8],
    ])
      write(r, offset, value);
    r.delayTransmit = asked;
    expect(interrupted(r, pin, causes, 0)).toBe(true);
    expect([r.quietUntilNs, r.delayTransmit]).toEqual([quietNs, false]);
  });

  test('the registers keep 16 bits, and a reset ends the quiet time', () => {
    const { r, pin } = device();
    for (const offset of [regs.ITR, regs.RDTR, regs.RADV, regs.TIDV, regs.TADV]) {
      write(r, offset, 0xabc_0123);
      expect(read(r, offset)).toBe(0x0123);
    }
    write(r, regs.IMS, 0xff);
    expect(interrupted(r, pin, regs.CAUSE_RXT0, 0)).toBe(true);
    write(r, regs.CTRL, regs.CTRL_RST);
    expect([r.quietUntilNs, read(r, regs.ITR)]).toEqual([0, 0]);
  });
});

describe('rings', () => {
  test('the hardware owns the descriptors from head up to tail, round the end', () => {
    const { r } = device();
    placeRings(r);
    write(r, regs.RDH, 6);
    write(r, regs.RDT, 2);
    write(r, regs.TDT, 5);
    expect([r.rxDescriptors, r.txDescriptors, read(r, regs.RDH), read(r, regs.TDT)]).toEqual([4, 5, 6, 5]);
  });

  test('tail writes set the device off', () => {
    const { r, log } = device();
    placeRings(r);
    log.length = 0;
    write(r, regs.TDT, 1);
    write(r, regs.RDT, 1);
    expect(log).toEqual(['transmit', 'receive']);
  });

  test.each([
    ['the receiver is off', regs.RCTL, 0],
    ['the buffers have a size this device does not know', regs.RCTL, regs.RCTL_EN | (1 << 16)],
    ['the ring reaches beyond guest memory', regs.RDBAL, MEMORY_BYTES - 16],
    ['its address has more than 32 bits', regs.RDBAH, 1],
    ['its length is no multiple of 128 bytes', regs.RDLEN, 112],
    ['the tail lies outside', regs.RDT, 8],
    ['the head lies outside', regs.RDH, 9],
  ])('no descriptor is received into when %s', (_, offset, value) => {
    const { r } = device();
    placeRings(r);
    write(r, regs.RDT, 4);
    expect(r.rxDescriptors).toBe(4);
    write(r, offset, value);
    expect(r.rxDescriptors).toBe(0);
  });

  test('nothing is sent while the transmitter is off', () => {
    const { r } = device();
    placeRings(r);
    write(r, regs.TDT, 4);
    write(r, regs.TCTL, 0);
    expect(r.txDescriptors).toBe(0);
  });
});

describe('the address filter', () => {
  const accepts = (rctl: number, high: number, low: number): boolean => {
    const { r } = device();
    write(r, regs.RCTL, rctl);
    return r.accepts(high, low);
  };

  test.each([
    ['its own address', 0, 0x5254, 1, true],
    ['another station', 0, 0x5254, 2, false],
    ['another vendor', 0, 0x5253, 1, false],
    ['another station, promiscuous', regs.RCTL_UPE, 0x5254, 2, true],
    ['broadcast', 0, 0xffff, -1, false],
    ['broadcast, accepted', regs.RCTL_BAM, 0xffff, -1, true],
    ['a group', regs.RCTL_BAM, 0x0100, 0x5e000001, false],
    ['a group, all groups accepted', regs.RCTL_MPE, 0x0100, 0x5e000001, true],
  ])('%s', (_, rctl, high, low, taken) => {
    expect(accepts(rctl, high, low)).toBe(taken);
  });

  test('without a valid address nothing is its own', () => {
    const { r } = device();
    write(r, regs.RAH, 0x0100);
    expect(r.accepts(0x5254, 1)).toBe(false);
  });
});

test('what is no register reads as zero and keeps nothing, whatever the width', () => {
  const { r } = device();
  write(r, 0x9999, 5);
  write(r, regs.STATUS, 0xffff_ffff);
  r.write(regs.IMS, 2, 0xffff);
  expect([read(r, 0x9999), read(r, regs.STATUS), read(r, regs.IMS), r.read(regs.STATUS, 1)]).toEqual([
    0,
    regs.STATUS_FD,
    0,
    0,
  ]);
});
