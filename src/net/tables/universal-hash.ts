/**
 * A hash that nobody can prepare a capture against: the sum of halfwords, each times a random factor, modulo a prime.
 * Whatever two keys are, the factors give both the same hash once in 2^26 (a universal hash: Carter and Wegman,
 * "Universal classes of hash functions", 1979), so that a table of them is filled in linear time.
 */
import { randomFillSync } from 'node:crypto';

/** The largest prime below 2^26: 1,024 products of 16 and 26 bits are added without rounding. */
const PRIME = 67_108_859;
const FACTORS_MAX = 1024;

/** Draws two factors for each of up to `words` words, 512 at most, and one more, into shared memory. */
export function drawFactors(words: number): Float64Array {
  const count = 2 * words + 1;
  if (count > FACTORS_MAX + 1) throw new RangeError(`factors for ${words} words would be added with rounding`);
  const random = randomFillSync(new Uint32Array(count));
  const factors = new Float64Array(new SharedArrayBuffer(count * 8));
  for (let i = 0; i < count; i += 1) factors[i] = random[i] % PRIME;
  return factors;
}

/** The remainder, or a neighbour of it by one PRIME: the same for the same sum. */
export function reduceHash(sum: number): number {
  return (sum - Math.floor(sum / PRIME) * PRIME) | 0;
}
