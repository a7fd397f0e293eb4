/** Both sides at the same slot of a packed ring, in either lap. */
export function packedBase(queueSize: number, startIdx: number): number {
  const at = (startIdx % queueSize) | ((startIdx & 2) << 14);
  return (at | (at << 16)) >>> 0;
}
