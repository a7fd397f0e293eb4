/** What may be chosen of traffic and captures: constants that scenarios share with those who make and read them. */

/** The operand that stands for standard input. */
export const STANDARD_INPUT = '-';

/** By what the two directions of a capture are told apart. */
export const REPLAY_SPLITS = ['none', 'interface', 'direction', 'clients'] as const;
export type ReplaySplit = (typeof REPLAY_SPLITS)[number];

/** What the frames of a generated stream are. */
export const STREAM_PROTOCOLS = ['udp', 'tcp', 'icmp'] as const;
export type StreamProtocol = (typeof STREAM_PROTOCOLS)[number];
