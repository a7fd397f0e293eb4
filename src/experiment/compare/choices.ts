/** What may be asked of a comparison; imports nothing, since every start of the program reads it for its help. */

/** Kinds of threads whose use of their cores is compared. */
export const COMPARED_THREADS = ['softirq', 'vhost', 'vmm', 'vcpu'] as const;

/** The names of the figures that every trial has, or may have. */
export const FIGURE_NAMES: readonly string[] = [
  'delivered',
  'loss',
  'latency-p50',
  'latency-p99',
  ...COMPARED_THREADS.flatMap((kind) => [`${kind}-run`, `${kind}-wait`, `${kind}-switches`]),
];

/** With fewer blocks no difference is ever shown: 2 in 2^6 ways is the first below the significance. */
export const BLOCKS_MIN = 6;
/** Blocks at most: beyond it are the numbers of those that are made again. */
export const BLOCKS_MAX = 1000;
