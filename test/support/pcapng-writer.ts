// Writes pcapng (draft-ietf-opsawg-pcapng) as a stream: one section in little-endian order, an interface for each place
// frames are seen at, nanosecond times, a comment on a frame where there is something to say, drop totals at the end.
import { LINKTYPE_ETHERNET } from '../../src/net/capture/link-types.ts';
import {
  PCAPNG_BODY_BYTE,
  PCAPNG_BYTE_ORDER_MAGIC,
  PCAPNG_ENHANCED_PACKET,
  PCAPNG_EPB_DATA_BYTE,
  PCAPNG_IDB_OPTIONS_BYTE,
  PCAPNG_IF_DESCRIPTION,
  PCAPNG_IF_NAME,
  PCAPNG_IF_TSOFFSET,
  PCAPNG_IF_TSRESOL,
  PCAPNG_INTERFACE_DESCRIPTION,
  PCAPNG_INTERFACE_STATISTICS,
  PCAPNG_ISB_IFDROP,
  PCAPNG_ISB_IFRECV,
  PCAPNG_ISB_OPTIONS_BYTE,
  PCAPNG_OPT_COMMENT,
  PCAPNG_OPT_END,
  PCAPNG_SECTION_HEADER,
  PCAPNG_SHB_OPTIONS_BYTE,
  PCAPNG_SHB_USER_APPLICATION,
  PCAPNG_VERSION_MAJOR,
  padded,
} from '../../src/net/capture/pcapng-layout.ts';

const TSRESOL_NS = 9;
const OPTION_BYTES_MAX = 0xffff;
const BUFFER_BYTES = 262_144;
const TWO_32 = 4_294_967_296;
const SECTION_LENGTH_UNKNOWN = 0xffff_ffff;

export interface PcapngWriterOptions {
  /** Takes finished bytes; the view is reused afterwards, so it has to be written or copied before returning. */
  readonly sink: (chunk: Uint8Array) => void;
  /** Name and version of the program, shown by capinfos. */
  readonly application: string;
  /** Nanoseconds since 1970 at which the clock of the frames' times read zero. */
  readonly epochNs: bigint;
}

/** Streaming pcapng writer. Times are nanoseconds of one clock, as numbers; the epoch is added by the file's reader. */
export class PcapngWriter {
  private readonly sink: (chunk: Uint8Array) => void;
  private readonly epochSeconds: bigint;
  /** The part of the epoch below one second, which if_tsoffset cannot carry. */
  private readonly epochRestNs: number;
  private readonly bytes = new Uint8Array(BUFFER_BYTES);
  private readonly view = new DataView(this.bytes.buffer);
  private readonly encoder = new TextEncoder();
  private used = 0;
  private interfaceCount = 0;

  constructor(options: PcapngWriterOptions) {
    this.sink = options.sink;
    this.epochSeconds = options.epochNs / 1_000_000_000n;
    this.epochRestNs = Number(options.epochNs % 1_000_000_000n);
    const application = this.encoder.encode(options.application);
    const start = this.startBlock(PCAPNG_SECTION_HEADER, PCAPNG_SHB_OPTIONS_BYTE, application.length + 8);
    this.view.setUint32(start + PCAPNG_BODY_BYTE, PCAPNG_BYTE_ORDER_MAGIC, true);
    this.view.setUint16(start + 12, PCAPNG_VERSION_MAJOR, true);
    this.view.setUint16(start + 14, 0, true);
    this.view.setUint32(start + 16, SECTION_LENGTH_UNKNOWN, true);
    this.view.setUint32(start + 20, SECTION_LENGTH_UNKNOWN, true);
    this.putOption(PCAPNG_SHB_USER_APPLICATION, application);
    this.endBlock(start, true);
  }

  /**
   * Describes an Ethernet interface and returns its id; empty texts are left out. `snapBytes` is the most that is
   * stored of a frame, 0 for all.
   */
  addInterface(name: string, description: string, snapBytes: number): number {
    const nameBytes = this.encoder.encode(name);
    const descriptionBytes = this.encoder.encode(description);
    const optionBytes = nameBytes.length + descriptionBytes.length + 48;
    const start = this.startBlock(PCAPNG_INTERFACE_DESCRIPTION, PCAPNG_IDB_OPTIONS_BYTE, optionBytes);
    this.view.setUint16(start + PCAPNG_BODY_BYTE, LINKTYPE_ETHERNET, true);
    this.view.setUint16(start + 10, 0, true);
    this.view.setUint32(start + 12, snapBytes, true);
    if (name !== '') this.putOption(PCAPNG_IF_NAME, nameBytes);
    if (description !== '') this.putOption(PCAPNG_IF_DESCRIPTION, descriptionBytes);
    this.putOption(PCAPNG_IF_TSRESOL, Uint8Array.of(TSRESOL_NS));
    this.view.setBigInt64(this.optionValueAt(PCAPNG_IF_TSOFFSET, 8), this.epochSeconds, true);
    this.endBlock(start, true);
    this.interfaceCount += 1;
    return this.interfaceCount - 1;
  }

  /**
   * Writes one frame of which `capturedBytes` bytes lie at `offset`. A comment such as "drop: tap queue full" shows
   * beside the frame in an analyser; an empty one writes none.
   */
  writeFrame(
    interfaceId: number,
    timeNs: number,
    bytes: Uint8Array,
    offset: number,
    capturedBytes: number,
    originalBytes: number,
    comment = '',
  ): void {
    // UTF-8 needs at most three bytes for each UTF-16 unit.
    const commentRoom = comment === '' ? 0 : 12 + comment.length * 3;
    const start = this.startBlock(PCAPNG_ENHANCED_PACKET, PCAPNG_EPB_DATA_BYTE, padded(capturedBytes) + commentRoom);
    this.putInterfaceAndTime(start, interfaceId, timeNs);
    this.view.setUint32(start + 20, capturedBytes, true);
    this.view.setUint32(start + 24, originalBytes, true);
    for (let i = 0; i < capturedBytes; i += 1) this.bytes[this.used + i] = bytes[offset + i];
    this.pad(this.used + capturedBytes);
    if (comment !== '') this.putText(PCAPNG_OPT_COMMENT, comment);
    this.endBlock(start, comment !== '');
  }

  /** Writes what an interface has received and dropped in all (isb_ifrecv, isb_ifdrop). */
  writeInterfaceStatistics(interfaceId: number, timeNs: number, received: number, dropped: number): void {
    const start = this.startBlock(PCAPNG_INTERFACE_STATISTICS, PCAPNG_ISB_OPTIONS_BYTE, 28);
    this.putInterfaceAndTime(start, interfaceId, timeNs);
    this.view.setBigUint64(this.optionValueAt(PCAPNG_ISB_IFRECV, 8), BigInt(received), true);
    this.view.setBigUint64(this.optionValueAt(PCAPNG_ISB_IFDROP, 8), BigInt(dropped), true);
    this.endBlock(start, true);
  }

  /** Hands everything written so far to the sink. Call it at the end; whole blocks only ever reach the sink. */
  flush(): void {
    if (this.used > 0) this.sink(this.bytes.subarray(0, this.used));
    this.used = 0;
  }

  /** Begins a block with `fixedBytes` of header and fields and at most `moreBytes` behind them; returns its start. */
  private startBlock(type: number, fixedBytes: number, moreBytes: number): number {
    const room = fixedBytes + moreBytes + 8;
    if (room > BUFFER_BYTES)
      throw new RangeError(`pcapng block of ${room} bytes, at most ${BUFFER_BYTES} can be written`);
    if (this.used + room > BUFFER_BYTES) this.flush();
    const start = this.used;
    this.view.setUint32(start, type, true);
    this.used += fixedBytes;
    return start;
  }

  private endBlock(start: number, hasOptions: boolean): void {
    if (hasOptions) this.optionValueAt(PCAPNG_OPT_END, 0);
    const length = this.used + 4 - start;
    this.view.setUint32(start + 4, length, true);
    this.view.setUint32(this.used, length, true);
    this.used += 4;
  }

  private putInterfaceAndTime(start: number, interfaceId: number, timeNs: number): void {
    if (interfaceId >= this.interfaceCount) throw new RangeError(`pcapng interface ${interfaceId} has not been added`);
    const time = timeNs + this.epochRestNs;
    this.view.setUint32(start + PCAPNG_BODY_BYTE, interfaceId, true);
    this.view.setUint32(start + 12, (time / TWO_32) >>> 0, true);
    this.view.setUint32(start + 16, time >>> 0, true);
  }

  /** Writes an option's code and length and returns where its value belongs. */
  private optionValueAt(code: number, valueBytes: number): number {
    this.view.setUint16(this.used, code, true);
    this.view.setUint16(this.used + 2, valueBytes, true);
    const at = this.used + 4;
    this.pad(at + valueBytes);
    return at;
  }

  private putOption(code: number, value: Uint8Array): void {
    if (value.length > OPTION_BYTES_MAX) throw new RangeError(`pcapng option of ${value.length} bytes is too long`);
    this.bytes.set(value, this.optionValueAt(code, value.length));
  }

  private putText(code: number, text: string): void {
    const room = Math.min(text.length * 3, OPTION_BYTES_MAX);
    const { read, written } = this.encoder.encodeInto(text, this.bytes.subarray(this.used + 4, this.used + 4 + room));
    if (read < text.length) throw new RangeError('pcapng comment is too long');
    this.optionValueAt(code, written);
  }

  /** Moves the end of what is written to the next whole word after `end` and clears the bytes between. */
  private pad(end: number): void {
    this.used = padded(end);
    for (let at = end; at < this.used; at += 1) this.bytes[at] = 0;
  }
}
