/**
 * Reads a kernel CPU list such as `0-3,8` (Documentation/admin-guide/cputopology.rst, also Cpus_allowed_list).
 * Returns ascending core numbers; throws on anything that is not such a list.
 */
export function parseCoreList(text: string): number[] {
  const cores: number[] = [];
  for (const part of text.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (match === null) throw new Error(`"${text.trim()}" is not a list of cores such as 0-3,8`);
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    for (let core = first; core <= last; core++) cores.push(core);
  }
  return [...new Set(cores)].sort((a, b) => a - b);
}

/** Writes core numbers the way the kernel does: `0-3,8`. */
export function formatCoreList(cores: readonly number[]): string {
  const sorted = [...new Set(cores)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end] + 1) end++;
    parts.push(end === i ? `${sorted[i]}` : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return parts.join(',');
}
