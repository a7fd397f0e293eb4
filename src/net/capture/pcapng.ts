// Reads pcapng files (draft-ietf-opsawg-pcapng): sections of blocks, each section with its own byte order and
// interfaces.
import { LINKTYPE_ETHERNET, type CaptureCollector } from './capture.ts';
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
export function isPcapng(view: DataView): boolean {
  return view.byteLength >= 4 && view.getUint32(0, true) === PCAPNG_SECTION_HEADER;
}

/**
 * Reads every packet block of a pcapng file into the collector and skips blocks of other types. Throws
 * CaptureFileError.
 */
export function readPcapng(view: DataView, collector: CaptureCollector): void {
  const reader = new PcapngReader(view, collector);
  let at = 0;
  while (at < view.byteLength) at += reader.readBlock(at);
}

class PcapngReader {
  private readonly view: DataView;
  private readonly collector: CaptureCollector;
  private little = true;
  private interfaces: Interface[] = [];

  constructor(view: DataView, collector: CaptureCollector) {
    this.view = view;
    this.collector = collector;
  }

  /** Reads the block at `at` and returns its length. */
  readBlock(at: number): number {
    const { view, collector } = this;
    collector.need(at, PCAPNG_BLOCK_MIN_BYTES, view.byteLength, 'block');
    const type = view.getUint32(at, this.little);
    if (type === PCAPNG_SECTION_HEADER) this.startSection(at);
    const length = view.getUint32(at + 4, this.little);
    if (length < PCAPNG_BLOCK_MIN_BYTES || length % 4 !== 0)
      throw collector.error(at + 4, `block length ${length} is impossible`);
    collector.need(at, length, view.byteLength, 'block');
    const repeated = view.getUint32(at + length - 4, this.little);
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
    const { view, collector } = this;
    collector.need(at, PCAPNG_SHB_OPTIONS_BYTE, view.byteLength, 'section header');
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
    let fcsBytes = from.fcsBytes;
    const optionsAt = start + padded(capturedBytes);
    if (optionsAt < end) {
      this.forEachOption(optionsAt, end, (code, valueAt, valueBytes) => {
        // Bits 5 to 8 of the flags are the FCS length in bytes; not zero, they override the interface's.
        if (code === PCAPNG_EPB_FLAGS && valueBytes >= 4)
          fcsBytes = (view.getUint32(valueAt, little) >>> 5) & 0xf || fcsBytes;
      });
    }
    collector.addFrame({
      recordAt: at,
      start,
      end,
      capturedBytes,
      originalBytes: view.getUint32(at + 24, little),
      fcsBytes,
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
    collector.addFrame({
      recordAt: at,
      start: at + PCAPNG_SPB_DATA_BYTE,
      end,
      capturedBytes: from.snapBytes === 0 ? originalBytes : Math.min(originalBytes, from.snapBytes),
      originalBytes,
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
    const from = this.interfaces[id];
    if (from.linkType !== LINKTYPE_ETHERNET) {
      throw this.collector.error(
        at,
        `packet of link type ${from.linkType}, only Ethernet (${LINKTYPE_ETHERNET}) is supported`,
      );
    }
    return from;
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
