import { readFileSync, readdirSync } from 'node:fs';
import { nowNs } from '../threads/clock.ts';
import type { ThreadSchedule } from './sched-stats.ts';

/** All idle states of one core since boot. */
export interface IdleStates {
  /** Times it went idle, into whatever state. */
  readonly entries: number;
  /** Time spent there, by the clock, in steps of 1 us; a state that lasts yet is not in it. */
  readonly idleNs: number;
}

/** Time one core has spent since boot, in ns but counted in 10 ms steps (/proc/stat, proc_stat(5)). */
export interface CoreTimes {
  readonly core: number;
  /**
   * With nothing to run. The one account the kernel keeps by the clock where it stops the tick of an idle core
   * (get_idle_time, fs/proc/stat.c): user and system time are what ticks happened to find running, and traffic that
   * beats in step with the tick makes a core look three times as busy as it is, or a third.
   */
  readonly idleNs: number;
  /** Wanted by this machine but given to another one by the hypervisor. */
  readonly stealNs: number;
  /** In softirqs, as far as ticks found them running; that of a thread they interrupted counts it as its own besides. */
  readonly softirqNs: number;
  /** Its idle states (cpuidle); null where the kernel has no driver for them. */
  readonly idleStates: IdleStates | null;
}

/** One reading of the cores and of this process's threads, taken together. */
export interface CoreSample {
  readonly atNs: number;
  readonly cores: readonly CoreTimes[];
  readonly threads: readonly ThreadSchedule[];
}

/** Who used a core between two samples. The parts may miss each other by a tick or two (10 ms each). */
export interface CoreUse {
  readonly core: number;
  readonly elapsedNs: number;
  /** Neither idle nor stolen. */
  readonly busyNs: number;
  /** Run time of this process's threads that are pinned to this core. */
  readonly ownNs: number;
  /** Busy time that is not ours: other processes, kernel threads, interrupts, but for what is excused. */
  readonly foreignNs: number;
  /** What going idle took, as the kernel's two accounts of idle time have it. */
  readonly excusedNs: number;
  /** Softirqs, as far as ticks found them: those of idle times are part of `foreignNs`, the others of `ownNs`. */
  readonly softirqNs: number;
  readonly stealNs: number;
}

const USER_TICK_NS = 1e7; // USER_HZ is 100: include/asm-generic/param.h
/**
 * The most that going idle once is held to take. Seen on a virtual machine: 1 us where its cores are near each other, 5
 * us where they are far.
 */
const IDLE_ENTRY_NS_MAX = 5000;
const CPU_FOLDER = '/sys/devices/system/cpu';
/** Reads every core's times now, to stand beside the given thread readings. */
export function sampleCores(threads: readonly ThreadSchedule[]): CoreSample {
  return { atNs: nowNs(), cores: parseCoreTimes(readFileSync('/proc/stat', 'latin1'), readIdleStates), threads };
}

/** The `cpuN` lines of /proc/stat, with each core's idle states. */
export function parseCoreTimes(text: string, idleStatesOf: (core: number) => IdleStates | null): CoreTimes[] {
  const cores: CoreTimes[] = [];
  for (const [, core, numbers] of text.matchAll(/^cpu(\d+) +(.+)$/gm)) {
    const [, , , idle, ioWait, , softirq, steal] = numbers.split(' ').map(Number);
    cores.push({
      core: Number(core),
      idleNs: (idle + ioWait) * USER_TICK_NS,
      stealNs: steal * USER_TICK_NS,
      softirqNs: softirq * USER_TICK_NS,
      idleStates: idleStatesOf(Number(core)),
    });
  }
  return cores;
}

/** Of one core, over all its idle states (Documentation/ABI/testing/sysfs-devices-system-cpu); null without cpuidle. */
export function readIdleStates(core: number): IdleStates | null {
  const folder = `${CPU_FOLDER}/cpu${core}/cpuidle`;
  try {
    const states = readdirSync(folder).filter((name) => name.startsWith('state'));
    const sum = (file: string): number =>
      states.reduce((total, state) => total + Number(readFileSync(`${folder}/${state}/${file}`, 'latin1')), 0);
    return states.length === 0 ? null : { entries: sum('usage'), idleNs: 1000 * sum('time') };
  } catch {
    return null;
  }
}

/**
 * What each core was used for between two samples, so that a run can say when its cores were taken by something else.
 * `coreOf` names the one core a thread of this process is pinned to. A thread that ended in between took its account
 * with it, and its time shows as foreign: compare samples between which no thread ends.
 */
export function coreUse(
  before: CoreSample,
  after: CoreSample,
  coreOf: (thread: ThreadSchedule) => number | undefined,
): CoreUse[] {
  const runBefore = new Map(before.threads.map(({ tid, runNs }) => [tid, runNs]));
  const ownByCore = new Map<number, number>();
  for (const thread of after.threads) {
    const core = coreOf(thread);
    if (core === undefined) continue;
    const ranNs = thread.runNs - (runBefore.get(thread.tid) ?? 0);
    ownByCore.set(core, (ownByCore.get(core) ?? 0) + ranNs);
  }
  return after.cores.flatMap((end) => {
    const start = before.cores.find(({ core }) => core === end.core);
    if (start === undefined) return []; // Brought online in between.
    const elapsedNs = after.atNs - before.atNs;
    const stealNs = end.stealNs - start.stealNs;
    const busyNs = Math.max(0, elapsedNs - (end.idleNs - start.idleNs) - stealNs);
    const ownNs = ownByCore.get(end.core) ?? 0;
    const restNs = Math.max(0, busyNs - ownNs);
    const excusedNs = Math.min(restNs, goingIdleNs(start, end));
    return {
      core: end.core,
      elapsedNs,
      busyNs,
      ownNs,
      foreignNs: restNs - excusedNs,
      excusedNs,
      softirqNs: end.softirqNs - start.softirqNs,
      stealNs,
    };
  });
}

/**
 * Going idle and coming back (tick_nohz_idle_enter and _exit, the timer that is set anew) belong to no thread, and the
 * idle account of /proc/stat leaves them out; the clock of the idle states does not. Their difference is what that took
 * in this very interval. A state that was entered long before the interval may be in it: hence the limit.
 */
function goingIdleNs(start: CoreTimes, end: CoreTimes): number {
  if (start.idleStates === null || end.idleStates === null) return 0;
  const entries = end.idleStates.entries - start.idleStates.entries;
  const beyondNs = end.idleStates.idleNs - start.idleStates.idleNs - (end.idleNs - start.idleNs);
  return Math.min(Math.max(0, beyondNs), entries * IDLE_ENTRY_NS_MAX);
}
