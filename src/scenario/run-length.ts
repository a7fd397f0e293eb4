import type { RunSpec } from './scenario.ts';

/** Each phase's first moments, in which queues fill or empty and V8 compiles what is new, are not counted. */
export const RUN_IN_NS = 5e8;

/** From the beginning of the first phase to the end of the last, ns. */
export function phasesNs({ phases }: Pick<RunSpec, 'phases'>): number {
  return phases.reduce((sum, { durationNs }) => sum + RUN_IN_NS + durationNs, 0);
}
