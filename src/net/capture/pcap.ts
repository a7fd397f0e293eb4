// The classic pcap format (draft-ietf-opsawg-pcap): a 24-byte file header, then a 16-byte header before each frame. The
// magic number tells the writer's byte order and whether fractions of a second are micro- or nanoseconds.
import type { CaptureBytes } from './capture-bytes.ts';
import type { CaptureCollector, FrameRecord } from './capture.ts';
import { DIRECTION_UNKNOWN } from './link-types.ts';

/** Microsecond and nanosecond magic numbers, as read in the writer's byte order. */
export const PCAP_MAGIC_US = 0xa1b2c3d4;
export const PCAP_MAGIC_NS = 0xa1b23c4d;

const HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const VERSION_MAJOR = 2;
const NS_PER_SECOND = 1_000_000_000n;
/** The last header word: link type in 16 bits, "FCS length present" and the FCS length in 16-bit units on top. */
const FCS_PRESENT = 0x0400_0000;

/** True when a file starts with a pcap magic number in either byte order. */
export function isPcap(file: CaptureBytes): boolean {
  return file.has(0, 4) && (isMagic(file.view.getUint32(0, true)) || isMagic(file.view.getUint32(0, false)));
}

/** Reads the frames of a pcap file into the collector, as many as it takes. Throws CaptureFileError. */
export function readPcap(file: CaptureBytes, collector: CaptureCollector): void {
  file.has(0, HEADER_BYTES);
  collector.need(0, HEADER_BYTES, file.length, 'pcap file header');
  const little = isMagic(file.view.getUint32(0, true));
  const nsPerFraction = file.view.getUint32(0, little) === PCAP_MAGIC_NS ? 1 : 1000;
  const major = file.view.getUint16(4, little);
  if (major !== VERSION_MAJOR)
    throw collector.error(4, `pcap version ${major}.${file.view.getUint16(6, little)}, only 2.x is supported`);
  const network = file.view.getUint32(20, little);
  const frame: FrameRecord = {
    recordAt: HEADER_BYTES,
    start: 0,
    capturedBytes: 0,
    originalBytes: 0,
    fcsBytes: (network & FCS_PRESENT) === 0 ? 0 : (network >>> 28) * 2,
    linkType: network & 0xffff,
    timeNs: null,
    interfaceId: collector.addInterface('', 0),
    direction: DIRECTION_UNKNOWN,
  };
  while (!collector.full && file.has(frame.recordAt, 1)) {
    if (!readRecord(file, collector, frame, little, nsPerFraction)) return;
    frame.recordAt = frame.start + frame.capturedBytes;
  }
}

/** Reads the record at `frame.recordAt`; false when the file ends within it. */
function readRecord(
  file: CaptureBytes,
  collector: CaptureCollector,
  frame: FrameRecord,
  little: boolean,
  nsPerFraction: number,
): boolean {
  const at = frame.recordAt;
  if (!file.has(at, RECORD_HEADER_BYTES)) {
    collector.cut(at, 'frame header');
    return false;
  }
  frame.start = at + RECORD_HEADER_BYTES;
  frame.capturedBytes = file.view.getUint32(at + 8, little);
  frame.originalBytes = file.view.getUint32(at + 12, little);
  collector.checkLength(at, frame.capturedBytes);
  if (!file.has(frame.start, frame.capturedBytes)) {
    collector.cut(at, 'frame');
    return false;
  }
  const fractionNs = file.view.getUint32(at + 4, little) * nsPerFraction;
  frame.timeNs = BigInt(file.view.getUint32(at, little)) * NS_PER_SECOND + BigInt(fractionNs);
  collector.addFrame(file.view, frame);
  return true;
}

function isMagic(word: number): boolean {
  return word === PCAP_MAGIC_US || word === PCAP_MAGIC_NS;
}
