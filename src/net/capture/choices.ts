/** What may be chosen of a capture: constants that scenarios and readers share. */

/** The operand that stands for standard input. */
export const STANDARD_INPUT = '-';

/** By what the two directions of a capture are told apart. */
export const REPLAY_SPLITS = ['none', 'interface', 'direction', 'clients'] as const;
export type ReplaySplit = (typeof REPLAY_SPLITS)[number];
