// Reads pcapng files (draft-ietf-opsawg-pcapng): sections of blocks, each section with its own byte order and
// interfaces.
import type { CaptureBytes } from './capture-bytes.ts';
import type { CaptureCollector } from './capture.ts';
import { DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN } from './link-types.ts';
import {
  PCAPNG_BODY_BYTE,
  PCAPNG_BYTE_ORDER_MAGIC,
  PCAPNG_ENHANCED_PACKET,
  PCAPNG_EPB_DATA_BYTE,
  PCAPNG_EPB_FLAGS,
  PCAPNG_BLOCK_MIN_BYTES,
  PCAPNG_IDB_OPTIONS_BYTE,
  PCAPNG_IF_FCSLEN,
  PCAPNG_IF_NAME,
  PCAPNG_IF_TSOFFSET,
  PCAPNG_IF_TSRESOL,
  PCAPNG_INTERFACE_DESCRIPTION,
  PCAPNG_OBSOLETE_PACKET,
  PCAPNG_OPT_END,
  PCAPNG_SECTION_HEADER,
  PCAPNG_SHB_OPTIONS_BYTE,
  PCAPNG_SIMPLE_PACKET,
  PCAPNG_SPB_DATA_BYTE,
  PCAPNG_VERSION_MAJOR,
  padded,
} from './pcapng-layout.ts';

/** if_tsresol without the option: microseconds. */
const TSRESOL_DEFAULT = 6;
const NS_PER_SECOND = 1_000_000_000n;
/** Bits 0 and 1 of epb_flags: not available, inbound, outbound; the fourth value is not used. */
const DIRECTIONS = [DIRECTION_UNKNOWN, DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN] as const;

interface Interface {
  /** Index in the whole file; the file's own ids start again in each section. */
  readonly id: number;
  readonly linkType: number;
  readonly snapBytes: number;
  readonly ticksPerSecond: bigint;
  readonly offsetNs: bigint;
  readonly fcsBytes: number;
}

/** True when a file starts with a section header block, whose type reads the same in both byte orders. */
export function isPcapng(file: CaptureBytes): boolean {
  return file.has(0, 4) && file.view.getUint32(0, true) === PCAPNG_SECTION_HEADER;
}

/**
 * Reads the packet blocks of a pcapng file into the collector, as many as it takes, and skips blocks of other types.
 * Throws CaptureFileError.
 */
export function readPcapng(file: CaptureBytes, collector: CaptureCollector): void {
  const reader = new PcapngReader(file, collector);
  let at = 0;
  while (!collector.full && file.has(at, 1)) at += reader.readBlock(at);
}

class PcapngReader {
  private readonly file: CaptureBytes;
  private readonly collector: CaptureCollector;
  private little = true;
  private interfaces: Interface[] = [];
  constructor(file: CaptureBytes, collector: CaptureCollector) {
    this.file = file;
    this.collector = collector;
  }

  private get view(): DataView {
    return this.file.view;
  }

  /** Reads the block at `at` and returns its length. Where the file ends within it, the capture ends before it. */
  readBlock(at: number): number {
    const { file, collector } = this;
    if (!file.has(at, PCAPNG_BLOCK_MIN_BYTES)) {
      collector.cut(at, 'block');
      return 0;
    }
    const type = file.view.getUint32(at, this.little);
    if (type === PCAPNG_SECTION_HEADER) this.startSection(at);
    const length = file.view.getUint32(at + 4, this.little);
    if (length < PCAPNG_BLOCK_MIN_BYTES || length % 4 !== 0)
      throw collector.error(at + 4, `block length ${length} is impossible`);
    if (!file.has(at, length)) {
      collector.cut(at, 'block');
      return 0;
    }
    const repeated = file.view.getUint32(at + length - 4, this.little);
    if (repeated !== length)
      throw collector.error(at + length - 4, `block length ${length} is repeated as ${repeated}`);
    const end = at + length - 4;
    if (type === PCAPNG_SECTION_HEADER) collector.need(at, PCAPNG_SHB_OPTIONS_BYTE, end, 'section header');
    else if (type === PCAPNG_INTERFACE_DESCRIPTION) this.readInterface(at, end);
    else if (type === PCAPNG_ENHANCED_PACKET || type === PCAPNG_OBSOLETE_PACKET) this.readPacket(at, end, type);
    else if (type === PCAPNG_SIMPLE_PACKET) this.readSimplePacket(at, end);
    return length;
  }

  private startSection(at: number): void {
    const { file, collector } = this;
    file.has(at, PCAPNG_SHB_OPTIONS_BYTE);
    collector.need(at, PCAPNG_SHB_OPTIONS_BYTE, file.length, 'section header');
    const { view } = file;
    const magicAt = at + PCAPNG_BODY_BYTE;
    this.little = view.getUint32(magicAt, true) === PCAPNG_BYTE_ORDER_MAGIC;
    if (view.getUint32(magicAt, this.little) !== PCAPNG_BYTE_ORDER_MAGIC)
      throw collector.error(magicAt, 'no byte-order magic');
    const major = view.getUint16(magicAt + 4, this.little);
    if (major !== PCAPNG_VERSION_MAJOR) {
      throw collector.error(magicAt + 4, `pcapng version ${major}, only ${PCAPNG_VERSION_MAJOR} is supported`);
    }
    this.interfaces = [];
  }

  private readInterface(at: number, end: number): void {
    const { view, collector, little } = this;
    collector.need(at, PCAPNG_IDB_OPTIONS_BYTE, end, 'interface description');
    let name = '';
    let resolution = TSRESOL_DEFAULT;
    let offsetSeconds = 0n;
    let fcsBytes = 0;
    this.forEachOption(at + PCAPNG_IDB_OPTIONS_BYTE, end, (code, valueAt, valueBytes) => {
      if (code === PCAPNG_IF_NAME) name = this.text(valueAt, valueBytes);
      else if (code === PCAPNG_IF_TSRESOL && valueBytes >= 1) resolution = view.getUint8(valueAt);
      else if (code === PCAPNG_IF_TSOFFSET && valueBytes >= 8) offsetSeconds = view.getBigInt64(valueAt, little);
      else if (code === PCAPNG_IF_FCSLEN && valueBytes >= 1) fcsBytes = fcsBytesOf(view.getUint8(valueAt));
    });
    const ticksPerSecond = (resolution & 0x80) === 0 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution & 0x7f);
    this.interfaces.push({
      id: collector.addInterface(name, at),
      linkType: view.getUint16(at + PCAPNG_BODY_BYTE, little),
      snapBytes: view.getUint32(at + PCAPNG_BODY_BYTE + 4, little),
      ticksPerSecond,
      offsetNs: offsetSeconds * NS_PER_SECOND,
      fcsBytes,
    });
  }

  /** The enhanced packet and the obsolete one, which has a 16-bit interface id and a drop count in the same place. */
  private readPacket(at: number, end: number, type: number): void {
    const { view, collector, little } = this;
    collector.need(at, PCAPNG_EPB_DATA_BYTE, end, 'packet block');
    const idAt = at + PCAPNG_BODY_BYTE;
    const from = this.interfaceOf(
      idAt,
      type === PCAPNG_OBSOLETE_PACKET ? view.getUint16(idAt, little) : view.getUint32(idAt, little),
    );
    const ticks = (BigInt(view.getUint32(at + 12, little)) << 32n) | BigInt(view.getUint32(at + 16, little));
    const capturedBytes = view.getUint32(at + 20, little);
    const start = at + PCAPNG_EPB_DATA_BYTE;
    collector.need(start, capturedBytes, end, 'frame');
    let fcsBytes = from.fcsBytes;
    let direction: number = DIRECTION_UNKNOWN;
    const optionsAt = start + padded(capturedBytes);
    if (optionsAt < end) {
      this.forEachOption(optionsAt, end, (code, valueAt, valueBytes) => {
        if (code !== PCAPNG_EPB_FLAGS || valueBytes < 4) return;
        const flags = view.getUint32(valueAt, little);
        // Bits 5 to 8 are the FCS length in bytes; not zero, they override the interface's.
        fcsBytes = (flags >>> 5) & 0xf || fcsBytes;
        direction = DIRECTIONS[flags & 3];
      });
    }
    collector.addFrame(view, {
      recordAt: at,
      start,
      capturedBytes,
      originalBytes: view.getUint32(at + 24, little),
      fcsBytes,
      linkType: from.linkType,
      direction,
      timeNs: (ticks * NS_PER_SECOND) / from.ticksPerSecond + from.offsetNs,
      interfaceId: from.id,
    });
  }

  /**
   * A simple packet belongs to the section's first interface, has no time, and is cut at that interface's snap length.
   */
  private readSimplePacket(at: number, end: number): void {
    const { view, collector, little } = this;
    collector.need(at, PCAPNG_SPB_DATA_BYTE, end, 'simple packet block');
    const from = this.interfaceOf(at, 0);
    const originalBytes = view.getUint32(at + PCAPNG_BODY_BYTE, little);
    const capturedBytes = from.snapBytes === 0 ? originalBytes : Math.min(originalBytes, from.snapBytes);
    collector.need(at + PCAPNG_SPB_DATA_BYTE, capturedBytes, end, 'frame');
    collector.addFrame(view, {
      recordAt: at,
      start: at + PCAPNG_SPB_DATA_BYTE,
      capturedBytes,
      originalBytes,
      linkType: from.linkType,
      direction: DIRECTION_UNKNOWN,
      fcsBytes: from.fcsBytes,
      timeNs: null,
      interfaceId: from.id,
    });
  }

  private interfaceOf(at: number, id: number): Interface {
    if (id >= this.interfaces.length) {
      throw this.collector.error(
        at,
        `packet of interface ${id}, but ${this.interfaces.length} are described before it`,
      );
    }
    return this.interfaces[id];
  }

  private forEachOption(
    from: number,
    end: number,
    visit: (code: number, valueAt: number, valueBytes: number) => void,
  ): void {
    let at = from;
    while (at < end) {
      this.collector.need(at, 4, end, 'option');
      const code = this.view.getUint16(at, this.little);
      const valueBytes = this.view.getUint16(at + 2, this.little);
      if (code === PCAPNG_OPT_END) return;
      this.collector.need(at + 4, valueBytes, end, 'option value');
      visit(code, at + 4, valueBytes);
      at += 4 + padded(valueBytes);
    }
  }

  private text(at: number, bytes: number): string {
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, this.view.byteOffset + at, bytes));
  }
}

/** if_fcslen counts bits; some writers store bytes, and no FCS has fewer than 8 bits. */
function fcsBytesOf(value: number): number {
  return value >= 8 ? value >>> 3 : value;
}
