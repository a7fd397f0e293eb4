// Test frames that are not UDP: TCP segments and ICMP echo requests, which carry the same stamp (test-header.ts) in 64
// bytes. ICMP has it behind its header, where UDP has it; TCP, whose header is longer, keeps most of it in fields that
// only its ends look at:
//
//   frame byte   34       36         38            42            48         50         52        54
//   ICMP echo    | type   | checksum | id, number  | magic, stream, sequence (46), send time (52..59)
//   TCP segment  | port   | port     | sequence    | ack:        | window:  | checksum | urgent: | sequence high,
//                |        |          | low 32 bits | time low    |  stream  |          |  magic  |  time high
//
// The flow is in TCP's source port, or in the identifier of the echo.
// From byte 60 on follows the filling, as in UDP.
import { addWords, foldSum, ipv4ChecksumOk, pseudoHeaderSum } from '../wire/checksum.ts';
import { ETH_FCS_BYTES, ETHERTYPE_IPV4, etherType } from '../wire/ethernet.ts';
import { ICMP_ECHO_REPLY, ICMP_ECHO_REQUEST } from '../wire/icmp.ts';
import {
  IP_PROTOCOL_ICMP,
  IP_PROTOCOL_TCP,
  IPV4_CHECKSUM_BYTE,
  IPV4_HEADER_MIN_BYTES,
  IPV4_PROTOCOL_BYTE,
  IPV4_SRC_BYTE,
  ipv4Protocol,
  ipv4TotalBytes,
} from '../wire/ipv4.ts';
import { readU16, readU32, writeU16, writeU32 } from '../wire/network-order.ts';
import { TCP_ACK, TCP_PSH } from '../tcp/tcp.ts';
import { srcPortsOf } from './flow-templates.ts';
import type { FlowSpec } from './flow-templates.ts';
import { buildFrame, FRAME_IPV4_BYTE, FRAME_UDP_BYTE } from './frame-template.ts';
import { PATTERN_PHASES_COUNT, patternBytes, patternPhase, patternStart } from './payload-pattern.ts';
import type { StreamProtocol } from '../choices.ts';
import { fillingSum, TEST_FRAME_CORRUPT, TEST_FRAME_FOREIGN, TEST_FRAME_INTACT } from './test-frame-check.ts';
import { TEST_MAGIC, TEST_PATTERN_BYTE } from './test-header.ts';

/** What a stream's frames are, if they are stamped here. */
type StampedProtocol = Exclude<StreamProtocol, 'udp'>;

/** Frame bytes of the fields; all even, so that each is made of whole checksum words. */
interface Layout {
  readonly number: number;
  readonly hasPseudoHeader: boolean;
  readonly flow: number;
  readonly checksum: number;
  readonly magic: number;
  readonly stream: number;
  readonly seqHigh: number;
  readonly seqLow: number;
  readonly timeHigh: number;
  readonly timeLow: number;
}

const LAYOUTS: Readonly<Record<StampedProtocol, Layout>> = {
  icmp: {
    number: IP_PROTOCOL_ICMP,
    hasPseudoHeader: false,
    flow: 38,
    checksum: 36,
    magic: 42,
    stream: 44,
    seqHigh: 46,
    seqLow: 48,
    timeHigh: 52,
    timeLow: 56,
  },
  tcp: {
    number: IP_PROTOCOL_TCP,
    hasPseudoHeader: true,
    flow: 34,
    checksum: 50,
    magic: 52,
    stream: 48,
    seqHigh: 54,
    seqLow: 38,
    timeHigh: 56,
    timeLow: 42,
  },
};

const IP = FRAME_IPV4_BYTE;
const L4 = FRAME_UDP_BYTE;
const PATTERN = TEST_PATTERN_BYTE;
const PHASES = PATTERN_PHASES_COUNT;
const TCP_OFFSET_FLAGS_BYTE = 46;
const TCP_DST_PORT_BYTE = 36;
/** A header of five words, and a segment in the middle of a connection. */
const TCP_OFFSET_FLAGS = 0x5000 | TCP_ACK | TCP_PSH;
const TWO_32 = 4_294_967_296;
const TWO_32_INVERSE = 1 / TWO_32;
const FOLDED_RIGHT = 0xffff;

/** Templates of one stream, its flows as FlowTemplates has them; an echo's identifier takes the place of the port. */
export class StampedTemplates {
  readonly flowCount: number;
  private readonly layout: Layout;
  private readonly stream: number;
  private readonly srcAddress: number;
  private readonly srcPort: number;
  private readonly srcPortCount: number;
  /** Each size's frame up to the filling, with what varies zero. */
  private readonly images: readonly Uint8Array[];
  private readonly frameBytes: Int32Array;
  private readonly ipSums: Int32Array;
  /** Sums of all that is constant, for each size and window of the filling. */
  private readonly l4Sums: Int32Array;
  private readonly fillings: readonly Uint8Array[];

  /** `sizesBytes` include the FCS. Throws as buildFrame does. */
  constructor(spec: FlowSpec, protocol: StampedProtocol, sizesBytes: readonly number[]) {
    const layout = LAYOUTS[protocol];
    this.layout = layout;
    this.flowCount = spec.flowCount;
    this.stream = spec.stream;
    this.srcAddress = spec.srcAddress;
    this.srcPort = spec.srcPort;
    this.srcPortCount = srcPortsOf(spec);
    this.images = sizesBytes.map((size) => imageOf(spec, layout, size));
    this.frameBytes = Int32Array.from(sizesBytes, (size) => size - ETH_FCS_BYTES);
    this.ipSums = Int32Array.from(this.images, (image) => addWords(0, image, IP, IPV4_HEADER_MIN_BYTES));
    const windows = this.images.flatMap((image, i) =>
      Array.from({ length: PHASES }, (_, phase) => {
        const start = patternStart(phase);
        return { image, filling: patternBytes.subarray(start, start + this.frameBytes[i] - PATTERN), i };
      }),
    );
    this.fillings = windows.map(({ filling }) => filling);
    this.l4Sums = Int32Array.from(windows, ({ image, filling, i }) => {
      const pseudo = layout.hasPseudoHeader ? pseudoHeaderSum(image, IP, layout.number, this.frameBytes[i] - L4) : 0;
      return foldSum(addWords(addWords(pseudo, image, L4, PATTERN - L4), filling, 0, filling.length));
    });
  }

  /** Writes the frame of `flow` with its stamp, as FlowTemplates does. */
  write(
    bytes: Uint8Array,
    _words: Int32Array,
    offset: number,
    sizeIndex: number,
    flow: number,
    seq: number,
    sendNs: number,
  ): number {
    const { layout } = this;
    const row = ((flow | 0) / this.srcPortCount) | 0;
    const number = this.srcPort + flow - row * this.srcPortCount;
    const address = this.srcAddress + row;
    const seqHigh = (seq * TWO_32_INVERSE) >>> 0;
    const seqLow = seq >>> 0;
    const timeHigh = (sendNs * TWO_32_INVERSE) >>> 0;
    const timeLow = sendNs >>> 0;
    const window = sizeIndex * PHASES + patternPhase(this.stream, seqLow);
    bytes.set(this.images[sizeIndex], offset);
    const frameBytes = this.frameBytes[sizeIndex];
    if (frameBytes > PATTERN) bytes.set(this.fillings[window], offset + PATTERN);
    writeU32(bytes, offset + IP + IPV4_SRC_BYTE, address);
    writeU16(bytes, offset + layout.flow, number);
    writeU16(bytes, offset + layout.seqHigh, seqHigh);
    writeU32(bytes, offset + layout.seqLow, seqLow);
    writeU32(bytes, offset + layout.timeHigh, timeHigh);
    writeU32(bytes, offset + layout.timeLow, timeLow);
    const addressSum = (address >>> 16) + (address & 0xffff);
    const timeSum = (timeHigh >>> 16) + (timeHigh & 0xffff) + (timeLow >>> 16) + (timeLow & 0xffff);
    const stampSum = number + seqHigh + (seqLow >>> 16) + (seqLow & 0xffff) + timeSum;
    const l4Sum = this.l4Sums[window] + stampSum + (layout.hasPseudoHeader ? addressSum : 0);
    writeU16(bytes, offset + IP + IPV4_CHECKSUM_BYTE, foldSum(this.ipSums[sizeIndex] + addressSum) ^ 0xffff);
    writeU16(bytes, offset + layout.checksum, foldSum(l4Sum) ^ 0xffff);
    return frameBytes;
  }
}

/** A frame's bytes before the filling, with source, flow, sequence, time and checksums zero. */
function imageOf(spec: FlowSpec, layout: Layout, size: number): Uint8Array {
  const image = buildFrame({ ...spec, srcAddress: 0, srcPort: 0 }, size, 0, 0).slice(0, PATTERN);
  image[IP + IPV4_PROTOCOL_BYTE] = layout.number;
  writeU16(image, IP + IPV4_CHECKSUM_BYTE, 0);
  image.fill(0, L4);
  if (layout.number === IP_PROTOCOL_ICMP) {
    image[L4] = ICMP_ECHO_REQUEST;
  } else {
    writeU16(image, TCP_DST_PORT_BYTE, spec.dstPort);
    writeU16(image, TCP_OFFSET_FLAGS_BYTE, TCP_OFFSET_FLAGS);
  }
  writeU16(image, layout.magic, TEST_MAGIC);
  writeU16(image, layout.stream, spec.stream);
  return image;
}

/** Reads stamped frames: `check` first, which sets the other fields unless the frame is foreign. */
export class StampedFrameReader {
  stream = 0;
  seq = 0;
  sendNs = 0;
  /** What takes the place of ports: those of TCP, the identifier of an echo for both. */
  sourcePort = 0;
  destinationPort = 0;

  /**
   * TEST_FRAME_FOREIGN, TEST_FRAME_CORRUPT or TEST_FRAME_INTACT: whether the frame is one of ours, IPv4 without options
   * and TCP or an ICMP echo or its reply, and whether every byte of it is as it was sent, but for its addresses. The
   * frame begins at a multiple of four; `bytes` and `words` view the same memory from the same start.
   */
  check(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    const ip = offset + IP;
    if (length < PATTERN || etherType(bytes, offset) !== ETHERTYPE_IPV4 || bytes[ip] !== 0x45)
      return TEST_FRAME_FOREIGN;
    const protocol = ipv4Protocol(bytes, ip);
    if (protocol !== IP_PROTOCOL_TCP && protocol !== IP_PROTOCOL_ICMP) return TEST_FRAME_FOREIGN;
    const layout = protocol === IP_PROTOCOL_TCP ? LAYOUTS.tcp : LAYOUTS.icmp;
    if (readU16(bytes, offset + layout.magic) !== TEST_MAGIC) return TEST_FRAME_FOREIGN;
    this.stream = readU16(bytes, offset + layout.stream);
    const seqLow = readU32(bytes, offset + layout.seqLow);
    this.seq = readU16(bytes, offset + layout.seqHigh) * TWO_32 + seqLow;
    this.sendNs = readU32(bytes, offset + layout.timeHigh) * TWO_32 + readU32(bytes, offset + layout.timeLow);
    this.sourcePort = readU16(bytes, offset + layout.flow);
    this.destinationPort = protocol === IP_PROTOCOL_TCP ? readU16(bytes, offset + TCP_DST_PORT_BYTE) : this.sourcePort;
    if (!ipv4ChecksumOk(bytes, ip, IPV4_HEADER_MIN_BYTES) || ipv4TotalBytes(bytes, ip) !== length - IP) {
      return TEST_FRAME_CORRUPT;
    }
    const filling =
      length > PATTERN ? fillingSum(bytes, words, offset, length, patternStart(patternPhase(this.stream, seqLow))) : 0;
    if (filling < 0) return TEST_FRAME_CORRUPT;
    // The sum may be taken in either byte order (RFC 1071 section 2 (B)): that of the filling is turned round.
    const folded = foldSum(filling);
    const fillingBig = ((folded & 0xff) << 8) | (folded >>> 8);
    const isTcp = protocol === IP_PROTOCOL_TCP;
    const pseudo = isTcp ? pseudoHeaderSum(bytes, ip, protocol, length - L4) : 0;
    const sum = addWords(pseudo + fillingBig, bytes, offset + L4, PATTERN - L4);
    const isWhole = isTcp
      ? readU16(bytes, offset + TCP_OFFSET_FLAGS_BYTE) === TCP_OFFSET_FLAGS
      : isEcho(readU16(bytes, offset + L4));
    return isWhole && foldSum(sum) === FOLDED_RIGHT ? TEST_FRAME_INTACT : TEST_FRAME_CORRUPT;
  }
}

/** Type and code of an echo request or its reply. */
function isEcho(typeAndCode: number): boolean {
  return typeAndCode === ICMP_ECHO_REQUEST << 8 || typeAndCode === ICMP_ECHO_REPLY << 8;
}
