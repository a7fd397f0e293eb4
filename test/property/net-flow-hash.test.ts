import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToeplitzHash } from '../../src/net/flow-hash.ts';

/**
 * The definition: walk the input's bits; for every one that is set take in the key's leftmost 32 bits; shift the key.
 */
function modelToeplitz(key: Uint8Array, input: Uint8Array): number {
  let bits = 0n;
  for (const byte of key) bits = (bits << 8n) | BigInt(byte);
  const keyBits = BigInt(key.length * 8);
  let hash = 0n;
  for (let i = 0; i < input.length * 8; i += 1) {
    if ((input[i >> 3] & (0x80 >> (i & 7))) !== 0) hash ^= (bits >> (keyBits - 32n - BigInt(i))) & 0xffff_ffffn;
  }
  return Number(hash);
}

describe('Toeplitz hash', () => {
  it('equals the bit-by-bit definition for any key, addresses and ports', () => {
    const key = fc.uint8Array({ minLength: 40, maxLength: 40 });
    const input = fc.uint8Array({ minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(key, fc.array(input, { minLength: 1, maxLength: 10 }), (keyBytes, inputs) => {
        const toeplitz = new ToeplitzHash(keyBytes);
        for (const each of inputs) {
          const packet = new Uint8Array(40);
          packet.set(each, 3 + 12);
          expect(toeplitz.hashAddresses(packet, 3) >>> 0).toBe(modelToeplitz(keyBytes, each.subarray(0, 8)));
          expect(toeplitz.hashAddressesAndPorts(packet, 3, 3 + 20) >>> 0).toBe(modelToeplitz(keyBytes, each));
        }
      }),
    );
  });
});
