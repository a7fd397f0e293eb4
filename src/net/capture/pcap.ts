// The classic pcap format (draft-ietf-opsawg-pcap): a 24-byte file header, then a 16-byte header before each frame. The
// magic number tells the writer's byte order and whether fractions of a second are micro- or nanoseconds.
import { LINKTYPE_ETHERNET, type CaptureCollector } from './capture.ts';

/** Microsecond and nanosecond magic numbers, as read in the writer's byte order. */
export const PCAP_MAGIC_US = 0xa1b2c3d4;
export const PCAP_MAGIC_NS = 0xa1b23c4d;

const HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const VERSION_MAJOR = 2;
/** The last header word: link type in 16 bits, "FCS length present" and the FCS length in 16-bit units on top. */
const FCS_PRESENT = 0x0400_0000;

/** True when a file starts with a pcap magic number in either byte order. */
export function isPcap(view: DataView): boolean {
  if (view.byteLength < 4) return false;
  return isMagic(view.getUint32(0, true)) || isMagic(view.getUint32(0, false));
}

/** Reads every frame of a pcap file into the collector. Throws CaptureFileError. */
export function readPcap(view: DataView, collector: CaptureCollector): void {
  const end = view.byteLength;
  collector.need(0, HEADER_BYTES, end, 'pcap file header');
  const little = isMagic(view.getUint32(0, true));
  const nsPerFraction = view.getUint32(0, little) === PCAP_MAGIC_NS ? 1 : 1000;
  const major = view.getUint16(4, little);
  if (major !== VERSION_MAJOR)
    throw collector.error(4, `pcap version ${major}.${view.getUint16(6, little)}, only 2.x is supported`);
  const network = view.getUint32(20, little);
  const linkType = network & 0xffff;
  if (linkType !== LINKTYPE_ETHERNET)
    throw collector.error(20, `link type ${linkType}, only Ethernet (${LINKTYPE_ETHERNET}) is supported`);
  const fcsBytes = (network & FCS_PRESENT) === 0 ? 0 : (network >>> 28) * 2;
  const interfaceId = collector.addInterface('', 0);
  let at = HEADER_BYTES;
  while (at < end) {
    collector.need(at, RECORD_HEADER_BYTES, end, 'frame header');
    const capturedBytes = view.getUint32(at + 8, little);
    const fractionNs = view.getUint32(at + 4, little) * nsPerFraction;
    collector.addFrame({
      recordAt: at,
      start: at + RECORD_HEADER_BYTES,
      end,
      capturedBytes,
      originalBytes: view.getUint32(at + 12, little),
      fcsBytes,
      timeNs: BigInt(view.getUint32(at, little)) * 1_000_000_000n + BigInt(fractionNs),
      interfaceId,
    });
    at += RECORD_HEADER_BYTES + capturedBytes;
  }
}

function isMagic(word: number): boolean {
  return word === PCAP_MAGIC_US || word === PCAP_MAGIC_NS;
}
