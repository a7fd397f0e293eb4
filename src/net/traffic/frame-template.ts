// Builds one complete test frame: Ethernet, IPv4, UDP, test header, pattern. Control path; FlowTemplates is the fast
// way.
import { internetChecksum } from '../wire/checksum.ts';
import {
  ETH_DST_BYTE,
  ETH_FCS_BYTES,
  ETH_FRAME_MIN_BYTES,
  ETH_HEADER_BYTES,
  ETH_SRC_BYTE,
  ETH_TYPE_BYTE,
  ETHERTYPE_IPV4,
  writeMac,
  type MacAddress,
} from '../wire/ethernet.ts';
import {
  IP_PROTOCOL_UDP,
  IPV4_DONT_FRAGMENT,
  IPV4_DST_BYTE,
  IPV4_FRAGMENT_BYTE,
  IPV4_HEADER_MIN_BYTES,
  IPV4_PROTOCOL_BYTE,
  IPV4_SRC_BYTE,
  IPV4_TOTAL_LENGTH_BYTE,
  IPV4_TTL_BYTE,
  IPV4_VERSION_IHL_BYTE,
  setIpv4Checksum,
} from '../wire/ipv4.ts';
import { writeU16, writeU32 } from '../wire/network-order.ts';
import { FRAME_SIZE_MAX_BYTES, patternBytes, patternPhase, patternStart } from './payload-pattern.ts';
import { TEST_HEADER_BYTE, TEST_MAGIC, TEST_PATTERN_BYTE, TEST_STREAM_BYTE, writeStamp } from './test-header.ts';
import { UDP_DST_PORT_BYTE, UDP_LENGTH_BYTE, UDP_SRC_PORT_BYTE, writeUdpChecksum } from '../wire/udp.ts';

/** What a test frame carries besides its stamp. Addresses are uint32. */
export interface FrameSpec {
  readonly dstMac: MacAddress;
  readonly srcMac: MacAddress;
  readonly srcAddress: number;
  readonly dstAddress: number;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly ttl: number;
  /** Number of the stream, 0..65535. */
  readonly stream: number;
}

/** Byte offset of the IPv4 header in the frames built here. */
export const FRAME_IPV4_BYTE: number = ETH_HEADER_BYTES;
/** Byte offset of the UDP header in the frames built here. */
export const FRAME_UDP_BYTE: number = ETH_HEADER_BYTES + IPV4_HEADER_MIN_BYTES;

/**
 * A frame of `sizeBytes` including the FCS, which is not part of the result: 64 gives 60 bytes. Lengths and checksums
 * are right; the datagram is atomic (DF set, identification zero, RFC 6864). Throws when the size or a field is out of
 * range.
 */
export function buildFrame(spec: FrameSpec, sizeBytes: number, seq: number, sendNs: number): Uint8Array {
  checkRange('frame size', sizeBytes, ETH_FRAME_MIN_BYTES, FRAME_SIZE_MAX_BYTES);
  checkRange('source port', spec.srcPort, 0, 0xffff);
  checkRange('destination port', spec.dstPort, 0, 0xffff);
  checkRange('source address', spec.srcAddress, 0, 0xffff_ffff);
  checkRange('destination address', spec.dstAddress, 0, 0xffff_ffff);
  checkRange('TTL', spec.ttl, 1, 255);
  checkRange('stream', spec.stream, 0, 0xffff);
  const bytes = new Uint8Array(sizeBytes - ETH_FCS_BYTES);
  writeMac(bytes, ETH_DST_BYTE, spec.dstMac.high, spec.dstMac.low);
  writeMac(bytes, ETH_SRC_BYTE, spec.srcMac.high, spec.srcMac.low);
  writeU16(bytes, ETH_TYPE_BYTE, ETHERTYPE_IPV4);
  bytes[FRAME_IPV4_BYTE + IPV4_VERSION_IHL_BYTE] = 0x45;
  writeU16(bytes, FRAME_IPV4_BYTE + IPV4_TOTAL_LENGTH_BYTE, bytes.length - FRAME_IPV4_BYTE);
  writeU16(bytes, FRAME_IPV4_BYTE + IPV4_FRAGMENT_BYTE, IPV4_DONT_FRAGMENT);
  bytes[FRAME_IPV4_BYTE + IPV4_TTL_BYTE] = spec.ttl;
  bytes[FRAME_IPV4_BYTE + IPV4_PROTOCOL_BYTE] = IP_PROTOCOL_UDP;
  writeU32(bytes, FRAME_IPV4_BYTE + IPV4_SRC_BYTE, spec.srcAddress);
  writeU32(bytes, FRAME_IPV4_BYTE + IPV4_DST_BYTE, spec.dstAddress);
  setIpv4Checksum(bytes, FRAME_IPV4_BYTE, internetChecksum(bytes, FRAME_IPV4_BYTE, IPV4_HEADER_MIN_BYTES));
  writeU16(bytes, FRAME_UDP_BYTE + UDP_SRC_PORT_BYTE, spec.srcPort);
  writeU16(bytes, FRAME_UDP_BYTE + UDP_DST_PORT_BYTE, spec.dstPort);
  writeU16(bytes, FRAME_UDP_BYTE + UDP_LENGTH_BYTE, bytes.length - FRAME_UDP_BYTE);
  writeU16(bytes, TEST_HEADER_BYTE, TEST_MAGIC);
  writeU16(bytes, TEST_STREAM_BYTE, spec.stream);
  writeStamp(bytes, 0, seq, sendNs);
  const start = patternStart(patternPhase(spec.stream, seq));
  bytes.set(patternBytes.subarray(start, start + bytes.length - TEST_PATTERN_BYTE), TEST_PATTERN_BYTE);
  writeUdpChecksum(bytes, FRAME_IPV4_BYTE);
  return bytes;
}

/** Throws unless `value` is an integer within min..max; the message names the field. */
export function checkRange(what: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${what} is ${value}, allowed are whole numbers of ${min}..${max}`);
  }
}
