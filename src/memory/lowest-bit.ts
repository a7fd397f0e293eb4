/** Number of the lowest bit that is set in a word; only when one is. */
export function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
