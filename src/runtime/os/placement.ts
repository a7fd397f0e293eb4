import type { ThreadCapabilities } from './capabilities.ts';
import { formatCoreList } from './core-list.ts';
import type { CorePlan, ThreadKind, ThreadNeed } from './core-plan.ts';
import { planCores } from './core-plan.ts';
import type { ThreadPolicy } from './os-threads.ts';
import { describePolicy } from './os-threads.ts';
import { INTERRUPT_FIFO_PRIORITY } from '../threads/self-policy.ts';

/**
 * How a softirq thread gets ahead of its peers. `switching`: it moves itself between SCHED_FIFO and its peers' level.
 * `inline-only`: it stays at nice 0 above peers in SCHED_IDLE, and never becomes ksoftirqd. `none`: an ordinary thread.
 */
export type InterruptClass = 'switching' | 'inline-only' | 'none';

export interface ThreadAssignment {
  readonly name: string;
  readonly kind: ThreadKind;
  readonly core: number;
  /** To be set when the thread starts; a switching softirq thread starts parked, and so in interrupt class. */
  readonly policy: ThreadPolicy;
  readonly interruptClass: InterruptClass;
}

/** The core plan, with each thread's scheduling class, and what to tell the user about it. */
export interface Placement extends Omit<CorePlan, 'cores'> {
  readonly threads: readonly ThreadAssignment[];
  /** For the main thread and for V8's and libuv's helper threads. */
  readonly mainPolicy: ThreadPolicy;
  /** For the run header. */
  readonly lines: readonly string[];
}

/** The part of what the machine allows that placement depends on. */
export type PlacementMeans = Pick<ThreadCapabilities, 'coresAllowed' | 'koffi' | 'fifo' | 'niceNegative' | 'schedIdle'>;

/** The classes that are to be had here, by the role they play. */
interface Classes {
  readonly maySwitch: boolean;
  readonly hardware: ThreadPolicy;
  /** Of threads that share a core with a softirq thread. */
  readonly softirqPeer: ThreadPolicy;
}

const INTERRUPT: ThreadPolicy = { class: 'fifo', priority: INTERRUPT_FIFO_PRIORITY };
const FAIR: ThreadPolicy = { class: 'other', nice: 0 };

/**
 * Decides where each thread runs (`planCores` has the rule) and at which scheduling class; a pure function of what is
 * needed and what is allowed.
 *
 * A softirq thread is in interrupt class if this process may use SCHED_FIFO and has koffi to enter and leave it
 * quickly; its peers are at nice 0. Otherwise it stays at nice 0, and its peers on the same core go to SCHED_IDLE (or
 * nice 19), which a waking nice-0 thread preempts at once. Hardware threads run at nice -20 if allowed, so that what
 * strays onto their core gets a hundredth of it. So do the main thread and V8's helpers wherever they are: their core's
 * other threads are never done, and a sample or a collection must not wait its turn among them. A class that a need
 * names overrules this.
 *
 * Throws when a need names a core that is not allowed, or when none is allowed.
 */
export function placeThreads(needs: readonly ThreadNeed[], means: PlacementMeans): Placement {
  const { cores, ...plan } = planCores(needs, means.coresAllowed);
  const maySwitch = means.fifo.available && means.koffi.available;
  const classes: Classes = {
    maySwitch,
    hardware: means.niceNegative.available ? { class: 'other', nice: -20 } : FAIR,
    softirqPeer: maySwitch ? FAIR : means.schedIdle.available ? { class: 'idle' } : { class: 'other', nice: 19 },
  };
  const softirqCores = new Set(cores.filter((_, i) => isInterrupt(needs[i])));
  const threads = needs.map((need, i) => {
    const interruptClass = !isInterrupt(need) ? 'none' : maySwitch ? 'switching' : 'inline-only';
    const policy = need.policy ?? choosePolicy(need, classes, softirqCores.has(cores[i]));
    return { name: need.name, kind: need.kind, core: cores[i], policy, interruptClass } satisfies ThreadAssignment;
  });
  const placed = { ...plan, threads, mainPolicy: classes.hardware };
  return { ...placed, lines: describePlacement(placed, means) };
}

/** A softirq thread that was given an ordinary class is threaded NAPI: one thread among others. */
function isInterrupt({ kind, policy }: ThreadNeed): boolean {
  return kind === 'softirq' && (policy === undefined || policy.class === 'fifo');
}

function choosePolicy({ kind }: ThreadNeed, classes: Classes, besideSoftirq: boolean): ThreadPolicy {
  if (kind === 'hardware' || kind === 'main') return classes.hardware;
  if (kind === 'softirq') return classes.maySwitch ? INTERRUPT : FAIR;
  return besideSoftirq ? classes.softirqPeer : FAIR;
}

/** One line a core, then what was not to be had and what must not be judged. */
function describePlacement(placed: Omit<Placement, 'lines'>, means: PlacementMeans): string[] {
  const lines: string[] = [];
  for (const core of means.coresAllowed) {
    const there = placed.threads.filter((thread) => thread.core === core && thread.kind !== 'main');
    const parts = there.map(({ name, policy }) => `${name} (${describePolicy(policy)})`);
    if (core === placed.mainCore) parts.push(`main thread and V8 helpers (${describePolicy(placed.mainPolicy)})`);
    if (parts.length === 0) continue;
    const cpu = placed.hostCores.indexOf(core);
    const roles = [placed.hardwareCores.includes(core) ? 'hardware' : '', cpu >= 0 ? `host CPU ${cpu}` : ''];
    const role = roles.filter((text) => text !== '').join(' and ') || 'control';
    lines.push(`core ${core}, ${role}: ${parts.join(', ')}`);
  }
  const unused = means.coresAllowed.filter((core) => !lines.some((line) => line.startsWith(`core ${core},`)));
  if (unused.length > 0) lines.push(`not used: core ${formatCoreList(unused)}`);
  if (placed.threads.some(({ interruptClass }) => interruptClass === 'inline-only')) {
    const lacking = means.fifo.available ? `koffi (${means.koffi.how})` : `SCHED_FIFO (${means.fifo.how})`;
    lines.push(
      `softirq stays above its peers, for lack of ${lacking}: what it would leave to ksoftirqd it goes on with inline, ` +
        'and the guard of a kernel that has one (linux-4.9) changes nothing',
    );
  }
  for (const reason of placed.oversubscribed) lines.push(`oversubscribed, rates are not judged: ${reason}`);
  return lines;
}
