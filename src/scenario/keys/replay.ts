/** Keys of how a capture is replayed. */
import { z } from 'zod';
import { REPLAY_SPLITS } from '../../net/choices.ts';
import { durationOr, integerOr, positiveDuration, prefixOr } from './fields.ts';

/** Frames a file of 2 GiB holds at most. */
const FRAMES_MAX = 2 ** 27;

export const replayOptions = () =>
  z
    .strictObject({
      frames: integerOr('all', 1, FRAMES_MAX)
        .prefault('all')
        .describe('Frames of the capture to replay: all, or its first so many. Default all.'),
      time: durationOr('all')
        .refine((ns) => ns !== 0, { error: () => 'all, or a duration longer than zero' })
        .prefault('all')
        .describe(
          'Part of the capture to replay: all, or what was captured in its first so many seconds. Default all.',
        ),
      longestPause: positiveDuration()
        .prefault('1s')
        .describe("Longest pause of the capture's own times that is waited at a rate such as 1x. Default 1s."),
      split: z
        .enum(REPLAY_SPLITS)
        .prefault('none')
        .describe(
          'How the two directions of a capture are told apart, the first for the streams of the first port and the ' +
            'other for those of the other: interface (the first against the next), direction (received against sent), ' +
            'clients (from clients against to clients), none: every stream replays all of it. Default none.',
        ),
      clients: prefixOr('none')
        .prefault('none')
        .describe('Prefix of the addresses that are clients, for split: clients. Default none.'),
    })
    .prefault({})
    .describe('How the capture in pcap is replayed.');
