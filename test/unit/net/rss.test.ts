import { describe, expect, it } from 'vitest';
import { parseMac } from '../../../src/net/wire/ethernet.ts';
import { parseCidr } from '../../../src/net/wire/address.ts';
import { buildFrame } from '../../../src/net/traffic/frame-template.ts';
import { ReceiveSideScaling, evenIndirection } from '../../../src/net/tables/receive-side-scaling.ts';
import { RSS_KEY, RSS_KEY_BYTES_MIN, Toeplitz } from '../../../src/net/wire/toeplitz.ts';

/** Microsoft, "Verifying the RSS Hash Calculation": IPv4 destination, source, hash without ports, hash with them. */
const VECTORS: readonly (readonly [string, number, string, number, number, number])[] = [
  ['161.142.100.80', 1766, '66.9.149.187', 2794, 0x323e8fc2, 0x51ccc178],
  ['65.69.140.83', 4739, '199.92.111.2', 14230, 0xd718262a, 0xc626b0ea],
  ['12.22.207.184', 38024, '24.19.198.95', 12898, 0xd2d0a5de, 0x5c2b394a],
  ['209.142.163.6', 2217, '38.27.205.30', 48228, 0x82989176, 0xafc7327f],
  ['202.188.127.2', 1303, '153.39.163.191', 44251, 0x5d1809c5, 0x10e828a2],
];
const ETH = 14;
const TAG = [0x81, 0x00, 0x20, 0x05];
const PROTOCOL_BYTE = ETH + 9;
const FRAGMENT_BYTE = ETH + 6;

const addressOf = (text: string): number => parseCidr(`${text}/32`).address;

function frameOf([dst, dstPort, src, srcPort]: (typeof VECTORS)[number]): Uint8Array {
  const mac = parseMac('02:00:00:00:00:01');
  const ends = { srcAddress: addressOf(src), dstAddress: addressOf(dst), srcPort, dstPort };
  return buildFrame({ dstMac: mac, srcMac: mac, ...ends, ttl: 64, stream: 0 }, 64, 0, 0);
}

/** The definition, bit by bit: no table. */
function toeplitzByDefinition(key: Uint8Array, input: Uint8Array): number {
  const bit = (bytes: Uint8Array, index: number): number => (bytes[index >> 3] >>> (7 - (index & 7))) & 1;
  let result = 0;
  for (let i = 0; i < input.length * 8; i++) {
    if (bit(input, i) === 0) continue;
    let window = 0;
    for (let k = 0; k < 32; k++) window = (window << 1) | bit(key, i + k);
    result ^= window;
  }
  return result >>> 0;
}

const rss = new ReceiveSideScaling(evenIndirection(4));
const hashOf = (frame: Uint8Array, ip = ETH, end = frame.length): number => rss.hashOf(frame, ip, end) >>> 0;

describe('the Toeplitz hash', () => {
  it.each(VECTORS)('of %s:%i from %s:%i is the published one, for UDP, TCP and addresses alone', (...vector) => {
    const [, , , , addresses, ports] = vector;
    const frame = frameOf(vector);
    expect(hashOf(frame)).toBe(ports);
    frame[PROTOCOL_BYTE] = 6;
    expect(hashOf(frame)).toBe(ports);
    frame[PROTOCOL_BYTE] = 1;
    expect(hashOf(frame)).toBe(addresses);
  });

  it('leaves the ports out of every fragment, and of a packet that ends before them', () => {
    const [, , , , addresses] = VECTORS[0];
    const frame = frameOf(VECTORS[0]);
    expect(hashOf(frame, ETH, ETH + 23)).toBe(addresses);
    frame.set([0x20, 0x00], FRAGMENT_BYTE);
    expect(hashOf(frame)).toBe(addresses);
    frame.set([0x00, 0x10], FRAGMENT_BYTE);
    expect(hashOf(frame)).toBe(addresses);
  });

  it('finds the ports behind options', () => {
    const frame = frameOf(VECTORS[1]);
    const long = new Uint8Array(frame.length + 8);
    long.set(frame.slice(0, ETH + 20));
    long.set(frame.slice(ETH + 20), ETH + 28);
    long[ETH] = 0x47;
    expect(hashOf(long)).toBe(VECTORS[1][5]);
  });

  it('is what the definition says, for any key and input', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = (n: number): Uint8Array =>
        Uint8Array.from({ length: n }, (_, i) => (seed * 2654435761 * (i + 3)) >>> 13);
      const [key, input] = [random(40), random(12)];
      const toeplitz = new Toeplitz(key);
      const hash = toeplitz.hashAddresses(input, 0) ^ toeplitz.hashPorts(input, 8);
      expect(hash >>> 0).toBe(toeplitzByDefinition(key, input));
    }
  });

  it('needs a key as long as its input and a window behind it', () => {
    expect(() => new Toeplitz(RSS_KEY.slice(0, RSS_KEY_BYTES_MIN))).not.toThrow();
    expect(() => new Toeplitz(RSS_KEY.slice(0, RSS_KEY_BYTES_MIN - 1))).toThrow('needs 16');
  });
});

describe('the indirection table', () => {
  it('has 128 entries or more, a power of two, the queues in turn', () => {
    expect(evenIndirection(3).slice(0, 7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
    expect([evenIndirection(1).length, evenIndirection(128).length, evenIndirection(200).length]).toEqual([
      128, 128, 256,
    ]);
    expect(() => new ReceiveSideScaling(new Array<number>(64).fill(0))).toThrow('power of two, at least 128');
    expect(() => new ReceiveSideScaling(new Array<number>(192).fill(0))).toThrow('power of two, at least 128');
  });

  it('is indexed by hash AND mask, also when the hash is negative', () => {
    const table = evenIndirection(128);
    const exact = new ReceiveSideScaling(table);
    for (const vector of VECTORS) {
      const frame = frameOf(vector);
      expect(exact.queueOf(frame, 0, frame.length)).toBe((vector[5] & 127) >>> 0);
    }
  });

  it('sends a tagged frame where the untagged one goes, and what is not IPv4 to queue 0', () => {
    const exact = new ReceiveSideScaling(evenIndirection(128));
    const frame = frameOf(VECTORS[2]);
    const tagged = Uint8Array.of(...frame.slice(0, 12), ...TAG, ...frame.slice(12));
    expect(exact.queueOf(tagged, 0, tagged.length)).toBe(exact.queueOf(frame, 0, frame.length));
    expect(exact.queueOf(tagged, 0, 37)).toBe(0);
    frame.set([0x08, 0x06], 12);
    expect(exact.queueOf(frame, 0, frame.length)).toBe(0);
  });
});

it('spreads a thousand flows over four queues, none with more than a third or less than a sixth', () => {
  const counts = [0, 0, 0, 0];
  for (let flow = 0; flow < 1024; flow++) {
    const frame = frameOf(['198.18.1.10', 9, '198.18.0.10', 1024 + flow, 0, 0]);
    counts[rss.queueOf(frame, 0, frame.length)]++;
  }
  expect(Math.max(...counts)).toBeLessThan(1024 / 3);
  expect(Math.min(...counts)).toBeGreaterThan(1024 / 6);
});
