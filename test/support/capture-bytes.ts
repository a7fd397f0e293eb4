// Hand-made capture files for tests: every byte order, resolution and block the readers know.

/** Appends numbers of stated width in one byte order. */
export class ByteList {
  readonly bytes: number[] = [];
  private readonly little: boolean;
  constructor(little: boolean) {
    this.little = little;
  }
  u16(...values: number[]): this {
    for (const value of values) this.put([value >>> 8, value]);
    return this;
  }
  u32(...values: number[]): this {
    for (const value of values) this.put([value >>> 24, value >>> 16, value >>> 8, value]);
    return this;
  }
  raw(values: Iterable<number>): this {
    this.bytes.push(...values);
    return this;
  }
  pad(): this {
    while (this.bytes.length % 4 !== 0) this.bytes.push(0);
    return this;
  }
  private put(bigEndian: number[]): void {
    for (const each of this.little ? bigEndian.toReversed() : bigEndian) this.bytes.push(each & 0xff);
  }
}

export interface PcapFrame {
  seconds: number;
  fraction: number;
  bytes: readonly number[];
  original?: number;
}

/** A pcap file. `network` is the whole last header word, link type and FCS bits. */
export function pcapBytes(frames: readonly PcapFrame[], little: boolean, magic = 0xa1b2c3d4, network = 1): Uint8Array {
  const file = new ByteList(little).u32(magic).u16(2, 4).u32(0, 0, 65_535, network);
  for (const frame of frames) {
    file.u32(frame.seconds, frame.fraction, frame.bytes.length, frame.original ?? frame.bytes.length).raw(frame.bytes);
  }
  return Uint8Array.from(file.bytes);
}

/** One pcapng block: type, length, body padded to words, length. */
export function pcapngBlock(little: boolean, type: number, body: readonly number[]): number[] {
  const padded = new ByteList(little).raw(body).pad().bytes;
  const length = padded.length + 12;
  return new ByteList(little).u32(type, length).raw(padded).u32(length).bytes;
}

/** A section header block of version 1.0 and unknown section length. */
export function pcapngSection(little: boolean): number[] {
  const body = new ByteList(little).u32(0x1a2b3c4d).u16(1, 0).u32(0xffff_ffff, 0xffff_ffff).bytes;
  return pcapngBlock(little, 0x0a0d0d0a, body);
}

/** Options, each a code and its value, with the end marker. */
export function pcapngOptions(little: boolean, options: readonly (readonly [number, readonly number[]])[]): number[] {
  const list = new ByteList(little);
  for (const [code, value] of options) list.u16(code, value.length).raw(value).pad();
  return list.u16(0, 0).bytes;
}
