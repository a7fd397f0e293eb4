import { SOURCE_PORTS } from '../../actors/guest/network-functions/backend-connections.ts';
import { TIME_WAIT_CONNECTIONS } from '../net/tcp/time-wait.ts';
import { POLL_BUDGET } from '../runtime/poll-round.ts';
import { HANDOVER_FRAMES } from '../scenario/handover.ts';
import { PROXIED_CONNECTIONS_MAX } from '../scenario/keys/functions.ts';

/** Limits that different parts keep, and that only work together. */
export interface Limits {
  /** Frames one actor moves in one poll. */
  readonly pollFrames: number;
  /** Frames on a ring between two actors of one thread. */
  readonly handoverFrames: number;
  /** Connections of a proxy to its backends, open and in TIME-WAIT, and the source ports that they share. */
  readonly proxiedConnections: number;
  readonly timeWaitConnections: number;
  readonly sourcePorts: number;
}

export const LIMITS: Limits = {
  pollFrames: POLL_BUDGET,
  handoverFrames: HANDOVER_FRAMES,
  proxiedConnections: PROXIED_CONNECTIONS_MAX,
  timeWaitConnections: TIME_WAIT_CONNECTIONS,
  sourcePorts: SOURCE_PORTS,
};

/** @throws when a limit was changed and another, which depends on it, was not. */
export function assertLimits(limits: Limits = LIMITS): void {
  const { pollFrames, handoverFrames } = limits;
  const connections = limits.proxiedConnections + limits.timeWaitConnections;
  if (handoverFrames < pollFrames) {
    throw new RangeError(
      `limits: a hand-over ring holds ${handoverFrames} frames, but one poll may put ${pollFrames} on it before the ` +
        `next actor of the thread has its turn; at least ${pollFrames} are needed`,
    );
  }
  if (connections >= limits.sourcePorts) {
    throw new RangeError(
      `limits: a proxy may have ${connections} connections to one backend, open or in TIME-WAIT, but there are only ` +
        `${limits.sourcePorts} source ports; it needs one that no connection has`,
    );
  }
}
