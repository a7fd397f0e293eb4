/** Whether a run's figures may be believed: about the generator and the machine, not about what was measured. */
import { CATCH_UP_PACE } from '../../../actors/wire/generator.ts';
import { formatAmount, formatShare, formatTime } from '../../text/number-format.ts';
import type { ValidityThresholds } from '../result/result-head.ts';
import type { Ledger, PhaseResult, Validity } from '../run/run-result.ts';

/** Least share of the frames due in a phase that must have been sent. */
export const SENT_RATIO_MIN = 0.999;
/**
 * Most of a generator's frames that may be later than the room before them lasts: four times the share that may come due
 * in absences so long, since three times as much is sent while it catches up at 3/2 of the pace.
 */
export const LATE_RATIO_MAX = (1 - SENT_RATIO_MIN) * (1 + CATCH_UP_PACE / (CATCH_UP_PACE - 1));
/** Most of a core that other programs and interrupts may have taken, and that other machines may have. */
export const FOREIGN_RATIO_MAX = 0.03;
export const STEAL_RATIO_MAX = 0.01;
/** Most of a phase for which the quota of its cgroup may have stopped the run: as much as may not have been sent. */
export const THROTTLED_RATIO_MAX = 1 - SENT_RATIO_MIN;
/** Most that a phase may last beyond what was asked, as a share of that. */
const OVERRUN_RATIO_MAX = 0.05;
/** And that a busy main thread may take to end it. */
const OVERRUN_NS = 5e7;
/** /proc/stat counts in steps of 10 ms, and a core's accounts may each be a step or two apart. */
const CORE_CLOCK_ERROR_NS = 3e7;

/** Most of the frames sent that this machine's kernel may have lost without a counter. */
const UNEXPLAINED_RATIO_MAX = 0.001;

/** All of them, for the result. */
export const VALIDITY_THRESHOLDS: ValidityThresholds = {
  sentRatioMin: SENT_RATIO_MIN,
  lateRatioMax: LATE_RATIO_MAX,
  foreignRatioMax: FOREIGN_RATIO_MAX,
  stealRatioMax: STEAL_RATIO_MAX,
  throttledRatioMax: THROTTLED_RATIO_MAX,
  unexplainedRatioMax: UNEXPLAINED_RATIO_MAX,
};

/** What is wrong with a run whose frames went through a real kernel, if that has lost some without saying where. */
export function judgeUnexplained({
  unexplainedFrames,
  sentFrames,
}: Pick<Ledger, 'unexplainedFrames' | 'sentFrames'>): string[] {
  if (unexplainedFrames <= sentFrames * UNEXPLAINED_RATIO_MAX) return [];
  return [
    `${formatAmount(unexplainedFrames)} of ${formatAmount(sentFrames)} frames went into this machine's kernel, and ` +
      'none of its counters says where they are',
  ];
}

/** Judges the phases; an oversubscribed run is not judged, whatever else is wrong with it is still said. */
export function judgeValidity(
  phases: readonly PhaseResult[],
  oversubscribed: readonly string[],
  unexplained: readonly string[] = [],
  notes: readonly string[] = [],
): Validity {
  const faults = [
    ...generatorFaults(phases),
    ...phases.flatMap((phase) => [...overrun(phase), ...throttled(phase), ...disturbed(phase)]),
    ...unexplained,
  ];
  if (oversubscribed.length > 0) return { status: 'not judged', reasons: [...oversubscribed, ...faults], notes };
  return { status: faults.length > 0 ? 'invalid' : 'valid', reasons: faults, notes };
}

/** Where generators or clients fell behind what they were to send, or were too late with it. */
export function generatorFaults(phases: readonly PhaseResult[]): string[] {
  return phases.flatMap((phase) => [...behind(phase), ...late(phase)]);
}

/** What helps a generator that falls behind; on virtual time none does. */
const REMEDY = 'allowed: a lower rate, or a core of its own (placement.threads.generator: own)';

/** Silently sending less than asked is the classic fault of software generators. */
function behind({ name, streams, connections }: PhaseResult): string[] {
  const clients = connections.flatMap(({ name: label, offered, started, failures }) => {
    const refused = failures.filter(({ counter }) => counter === 'failed_limit');
    const begun = refused.reduce((sum, each) => sum + each.connections, started);
    if (begun >= offered * SENT_RATIO_MIN - 1) return [];
    return [
      `${name}: the client of ${label} started ${formatAmount(offered - begun)} connections less than it should have ` +
        `(${formatShare(begun / offered)} of ${formatAmount(offered)})`,
    ];
  });
  const generators = streams.flatMap((stream) => {
    if (stream.sentFrames >= stream.offeredFrames * SENT_RATIO_MIN) return [];
    const short = stream.offeredFrames - stream.sentFrames;
    return [
      `${name}: the generator of ${stream.name} sent ${formatAmount(short)} frames less than it should have ` +
        `(${formatShare(stream.sentFrames / stream.offeredFrames)} of ${formatAmount(stream.offeredFrames)}); ${REMEDY}`,
    ];
  });
  return [...generators, ...clients];
}

/**
 * What comes due in an absence longer than the ring or pool before it lasts comes faster afterwards than it was due,
 * and may find no room: loss of our own making.
 */
function late({ name, lateness }: PhaseResult): string[] {
  return lateness.flatMap(({ generator, limitNs, lateRatio, meets, absences, caughtUpFrames }) => {
    if (limitNs === null || lateRatio === null || lateRatio <= LATE_RATIO_MAX) return [];
    const away = absences === 0 ? '' : `; away ${absences} times, it sent ${formatAmount(caughtUpFrames)} frames after`;
    return [
      `${name}: ${formatShare(lateRatio)} of the frames of ${generator} came later than the ${formatTime(limitNs)} ` +
        `that the ${meets} lasts at this rate (at most ${formatShare(LATE_RATIO_MAX)} may)${away}`,
    ];
  });
}

/**
 * The main thread goes before all others on the modelled host's core. When it was to end a phase and could not, the
 * core stood still: a hypervisor that waits for memory or a disk on a virtual CPU's behalf accounts for no time stolen.
 */
function overrun({ name, durationNs, elapsedNs }: PhaseResult): string[] {
  if (elapsedNs <= durationNs * (1 + OVERRUN_RATIO_MAX) + OVERRUN_NS) return [];
  return [
    `${name}: lasted ${formatTime(elapsedNs)} instead of ${formatTime(durationNs)}: the main thread's core stood still`,
  ];
}

/** A thread whose cgroup has used up its quota stands still, whatever its class, until the next period begins. */
function throttled({ name, elapsedNs, throttling }: PhaseResult): string[] {
  if (throttling === null || throttling.throttledNs <= elapsedNs * THROTTLED_RATIO_MAX) return [];
  const { periods, throttledPeriods, throttledNs } = throttling;
  return [
    `${name}: the CPU quota of its cgroup stopped this process for ${formatTime(throttledNs)}, in ` +
      `${throttledPeriods} of ${periods} periods`,
  ];
}

function disturbed({ name, elapsedNs, cores }: PhaseResult): string[] {
  const clockError = CORE_CLOCK_ERROR_NS / elapsedNs;
  return (cores ?? []).flatMap(({ core, foreignRatio, stealRatio }) => [
    ...(foreignRatio <= FOREIGN_RATIO_MAX + clockError
      ? []
      : [`${name}: something else took ${formatShare(foreignRatio)} of core ${core}`]),
    ...(stealRatio <= STEAL_RATIO_MAX + clockError
      ? []
      : [`${name}: the hypervisor gave ${formatShare(stealRatio)} of core ${core} to others (steal)`]),
  ]);
}
