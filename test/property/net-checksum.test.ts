import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { internetChecksum, updateChecksum16, updateChecksum32 } from '../../src/net/wire/checksum.ts';

/** One's complement addition as RFC 1071 defines it, one word at a time with the carry put back at once. */
function modelChecksum(words: readonly number[]): number {
  let sum = 0;
  for (const word of words) {
    sum += word;
    if (sum > 0xffff) sum -= 0xffff;
  }
  return 0xffff - sum;
}

const toWords = (bytes: Uint8Array): number[] =>
  Array.from({ length: Math.ceil(bytes.length / 2) }, (_, i) => bytes[2 * i] * 256 + (bytes[2 * i + 1] ?? 0));

/** Words with the values where one's complement arithmetic goes wrong. */
const word = fc.oneof(fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff), fc.integer({ min: 0, max: 0xffff }));

describe('Internet checksum', () => {
  it('equals the model for any bytes at any offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(9), (data, offset) => {
        const bytes = new Uint8Array(data.length + 20).fill(0xa5);
        bytes.set(data, offset);
        expect(internetChecksum(bytes, offset, data.length)).toBe(modelChecksum(toWords(data)));
      }),
    );
  });

  it('updated for one changed word equals the checksum from scratch, unless all words are zero', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), fc.nat(11), word, (words, at, newWord) => {
        const index = at % words.length;
        const changed = words.with(index, newWord);
        fc.pre(words.some((each) => each !== 0) && changed.some((each) => each !== 0));
        expect(updateChecksum16(modelChecksum(words), words[index], newWord)).toBe(modelChecksum(changed));
      }),
      { numRuns: 2000 },
    );
  });

  it('updated for a changed 32-bit field equals the checksum from scratch', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 2, maxLength: 12 }), word, word, (words, high, low) => {
        const changed = [high, low, ...words.slice(2)];
        fc.pre(words.some((each) => each !== 0) && changed.some((each) => each !== 0));
        const oldValue = words[0] * 65536 + words[1];
        expect(updateChecksum32(modelChecksum(words), oldValue, high * 65536 + low)).toBe(modelChecksum(changed));
      }),
      { numRuns: 2000 },
    );
  });
});
