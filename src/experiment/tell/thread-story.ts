/** A thread's shares of a phase in words: was it kept from running, was it busy, or did it sleep? */
import { formatShare } from '../../text/number-format.ts';
import type { ThreadRow } from '../../metrics/derive/thread-shares.ts';
import type { PhaseResult, RunResult } from '../run/run-result.ts';

/**
 * `starved`: runnable and kept from running; `busy`: had work nearly all the time; `idle`: slept; `unknown`: no
 * schedstat.
 */
export type ThreadState = 'starved' | 'busy' | 'idle' | 'unknown';

/** Runnable without running this much of the time is starvation, whatever else. */
const STARVED_WAITING_RATIO = 0.4;
/** A thread that wants a core this much of the time, and mostly gets it, is busy. */
const BUSY_DEMAND_RATIO = 0.8;
/** Threads that run less than this do not explain why another one waited. */
const TAKER_RUNNING_RATIO = 0.1;
const TAKERS_MAX = 2;

/** The shares of the thread that runs an actor; undefined when nothing was measured of it. */
export function threadRowOf(run: Pick<RunResult, 'threads'>, phase: PhaseResult, actor: string): ThreadRow | undefined {
  const thread = run.threads.find(({ actors }) => actors.includes(actor));
  return phase.threads.find(({ name }) => name === thread?.name);
}

export function stateOf(row: ThreadRow | undefined): ThreadState {
  if (row === undefined || row.waitingRatio === null) return 'unknown';
  const { runningRatio, waitingRatio } = row;
  const demand = runningRatio + waitingRatio;
  if (waitingRatio >= STARVED_WAITING_RATIO || (demand >= BUSY_DEMAND_RATIO && waitingRatio > runningRatio))
    return 'starved';
  return demand >= BUSY_DEMAND_RATIO ? 'busy' : 'idle';
}

/** `was runnable but not running 81 % of the time (softirq0 ran 64 % of core 0)`: a predicate to the thread's name. */
export function tellThread(phase: PhaseResult, row: ThreadRow | undefined): string {
  const state = stateOf(row);
  if (row === undefined) return 'was not measured';
  const running = formatShare(row.runningRatio);
  switch (state) {
    case 'unknown':
      return `ran ${running} of the time (this kernel does not say how long it waited for a core)`;
    case 'starved':
      return `was runnable but not running ${formatShare(row.waitingRatio)} of the time${tellTakers(phase, row)}`;
    case 'busy': {
      const waited = (row.waitingRatio ?? 0) > 0.05 ? ` and waited ${formatShare(row.waitingRatio)} for its core` : '';
      return `ran ${running} of the time${waited}, all it could`;
    }
    case 'idle':
      return `ran ${running} and slept ${formatShare(row.asleepRatio)} of the time`;
  }
}

/** Share of a phase from which on a thread that slept had time enough for all that was lost before it. */
const SPARE_ASLEEP_RATIO = 0.5;

/**
 * A queue is not full for want of somebody who slept half of the time: it is in moments that no mean over a phase
 * shows. Those after a generator's absence are of the generator's making.
 */
export function tellBursts({ lateness }: PhaseResult, row: ThreadRow | undefined): string {
  if (stateOf(row) !== 'idle' || (row?.asleepRatio ?? 0) < SPARE_ASLEEP_RATIO) return '';
  const absences = lateness.reduce((sum, each) => sum + each.absences, 0);
  const after = absences === 0 ? '' : `; the generators were away ${absences} times, and faster after that`;
  return `, so there was time enough, and only bursts or pauses of milliseconds can have filled the queue${after}`;
}

/** Who ran on a waiting thread's core instead: threads of the run, and whatever is none of its own. */
function tellTakers(phase: PhaseResult, row: ThreadRow): string {
  const { core } = row;
  const foreign = phase.cores?.find((each) => each.core === core)?.foreignRatio ?? 0;
  const takers = [
    ...phase.threads.filter((thread) => thread.name !== row.name && thread.core === core),
    { name: 'something outside this run', runningRatio: foreign },
  ]
    .filter(({ runningRatio }) => runningRatio >= TAKER_RUNNING_RATIO)
    .sort((a, b) => b.runningRatio - a.runningRatio)
    .slice(0, TAKERS_MAX)
    .map(({ name, runningRatio }) => ({ name, share: formatShare(runningRatio) }));
  if (takers.length === 0) return '';
  const [first, ...others] = takers;
  return ` (${[`${first.name} ran ${first.share} of core ${core}`, ...others.map((each) => `${each.name} ${each.share}`)].join(', ')})`;
}
