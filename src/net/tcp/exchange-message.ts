// What clients ask and servers answer: messages of a fixed size that carry the number of the exchange, so that both sides
// can check every byte.
//
//   0                2         4                8
//   | "vq" or "vr"   | 0       | exchange       | a window on the pseudo-random string of our test frames ...
import { readU16, readU32, writeU16, writeU32 } from '../wire/network-order.ts';
import { PATTERN_PHASES_COUNT, patternBytes, patternStart } from '../traffic/payload-pattern.ts';

export const REQUEST_MAGIC = 0x7671;
export const RESPONSE_MAGIC = 0x7672;
export const EXCHANGE_BYTES_MIN = 8;
const HEADER_BYTES = 8;

function startOf(exchange: number): number {
  return patternStart(exchange & (PATTERN_PHASES_COUNT - 1));
}

/** Writes a message of `lengthBytes` from the beginning of `bytes`; `exchange` is a uint32. */
export function writeMessage(bytes: Uint8Array, lengthBytes: number, magic: number, exchange: number): void {
  writeU16(bytes, 0, magic);
  writeU16(bytes, 2, 0);
  writeU32(bytes, 4, exchange);
  let from = startOf(exchange);
  for (let i = HEADER_BYTES; i < lengthBytes; i++) {
    bytes[i] = patternBytes[from];
    if (++from === patternBytes.length) from = 0;
  }
}

/** The number of the exchange, or -1 when a byte is wrong. */
export function messageExchange(bytes: Uint8Array, lengthBytes: number, magic: number): number {
  const exchange = readU32(bytes, 4);
  let difference = (readU16(bytes, 0) ^ magic) | readU16(bytes, 2);
  let from = startOf(exchange);
  for (let i = HEADER_BYTES; i < lengthBytes; i++) {
    difference |= bytes[i] ^ patternBytes[from];
    if (++from === patternBytes.length) from = 0;
  }
  return difference === 0 ? exchange : -1;
}
