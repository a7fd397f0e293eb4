import { closeSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';

/** What the kernel has counted for one thread since it started. */
export interface ThreadSchedule {
  readonly tid: number;
  readonly name: string;
  /** CPU time. A thread that is running now may be up to one tick (4 ms at HZ 250) ahead of what is shown. */
  readonly runNs: number;
  /** Time spent runnable but waiting for a core; null where the kernel does not collect schedstat. */
  readonly waitNs: number | null;
  /** Times it was put on a core; null where the kernel does not collect schedstat. */
  readonly slices: number | null;
  /** Times it slept or gave up the core, and times the core was taken from it; null unless asked for. */
  readonly voluntarySwitches: number | null;
  readonly involuntarySwitches: number | null;
}

/** Length of the ticks in /proc/TID/stat, whatever HZ is: USER_HZ is 100, include/asm-generic/param.h. */
const USER_TICK_NS = 1e7;
const TEXT_BYTES_MAX = 4096;

interface OpenThread {
  readonly commFd: number;
  readonly schedstatFd: number | null;
}

/**
 * Reads run time, waiting time and switches of every thread in a process, about 10 us a thread: files stay open between
 * readings. Without schedstat (CONFIG_SCHED_INFO) run time comes from /proc/TID/stat in steps of 10 ms and
 * waiting time is null. Close it when done.
 */
export class ScheduleReader {
  private readonly taskFolder: string;
  private readonly threads = new Map<number, OpenThread>();
  private readonly buffer = Buffer.alloc(TEXT_BYTES_MAX);

  /** `taskFolder` holds one folder for each thread: this process's own by default. */
  constructor(taskFolder = '/proc/self/task') {
    this.taskFolder = taskFolder;
  }

  /**
   * All threads alive now, by ascending thread id. `withSwitches` also reads each thread's status file, which takes
   * about three times as long.
   */
  read(withSwitches = false): ThreadSchedule[] {
    const tids = readdirSync(this.taskFolder).map(Number);
    const alive = new Set(tids);
    for (const tid of this.threads.keys()) if (!alive.has(tid)) this.forget(tid);
    return this.readThreads(
      tids.sort((a, b) => a - b),
      withSwitches,
    );
  }

  /** Just these threads, in their order; those that have ended are left out. */
  readThreads(tids: readonly number[], withSwitches = false): ThreadSchedule[] {
    const schedules: ThreadSchedule[] = [];
    for (const tid of tids) {
      try {
        schedules.push(this.readThread(tid, withSwitches));
      } catch (error) {
        if (!isGone(error)) throw error;
        this.forget(tid); // It ended between the listing and the reading.
      }
    }
    return schedules;
  }

  /**
   * Run time, waiting time and slices of just these threads, in their order: one system call each. Null for a thread
   * that has ended.
   */
  readTimes(tids: readonly number[]): (Pick<ThreadSchedule, 'runNs' | 'waitNs' | 'slices'> | null)[] {
    return tids.map((tid) => {
      try {
        return this.readThreadTimes(tid, (this.threads.get(tid) ?? this.open(tid)).schedstatFd);
      } catch (error) {
        if (!isGone(error)) throw error;
        this.forget(tid);
        return null;
      }
    });
  }

  private readThreadTimes(tid: number, fd: number | null): Pick<ThreadSchedule, 'runNs' | 'waitNs' | 'slices'> {
    if (fd === null) return { runNs: this.readTickNs(tid), waitNs: null, slices: null };
    const [runNs, waitNs, slices] = this.readText(fd).split(' ').map(Number);
    return { runNs, waitNs, slices };
  }

  /** Closes every file. The reader may be used again. */
  close(): void {
    for (const tid of [...this.threads.keys()]) this.forget(tid);
  }

  private readThread(tid: number, withSwitches: boolean): ThreadSchedule {
    const { commFd, schedstatFd } = this.threads.get(tid) ?? this.open(tid);
    const name = this.readText(commFd).trimEnd();
    const switches = withSwitches ? this.readSwitches(tid) : NO_SWITCHES;
    return { tid, name, ...this.readThreadTimes(tid, schedstatFd), ...switches };
  }

  private readText(fd: number): string {
    return this.buffer.toString('latin1', 0, readSync(fd, this.buffer, 0, TEXT_BYTES_MAX, 0));
  }

  private open(tid: number): OpenThread {
    const commFd = openSync(`${this.taskFolder}/${tid}/comm`, 'r');
    const thread = { commFd, schedstatFd: this.openSchedstat(tid) };
    this.threads.set(tid, thread);
    return thread;
  }

  private openSchedstat(tid: number): number | null {
    try {
      return openSync(`${this.taskFolder}/${tid}/schedstat`, 'r');
    } catch (error) {
      if (isGone(error)) return null; // No such file; if it is the thread that has gone, the next reading finds out.
      throw error;
    }
  }

  private readTickNs(tid: number): number {
    const stat = readFileSync(`${this.taskFolder}/${tid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[14 - 3]) + Number(fields[15 - 3])) * USER_TICK_NS; // utime and stime, proc_pid_stat(5)
  }

  private readSwitches(tid: number): SwitchCounts {
    const status = readFileSync(`${this.taskFolder}/${tid}/status`, 'latin1');
    return {
      voluntarySwitches: readField(status, '\nvoluntary_ctxt_switches:'),
      involuntarySwitches: readField(status, '\nnonvoluntary_ctxt_switches:'),
    };
  }

  private forget(tid: number): void {
    const thread = this.threads.get(tid);
    this.threads.delete(tid);
    if (thread === undefined) return;
    closeSync(thread.commFd);
    if (thread.schedstatFd !== null) closeSync(thread.schedstatFd);
  }
}

type SwitchCounts = Pick<ThreadSchedule, 'voluntarySwitches' | 'involuntarySwitches'>;

const NO_SWITCHES: SwitchCounts = { voluntarySwitches: null, involuntarySwitches: null };

function readField(text: string, label: string): number | null {
  const start = text.indexOf(label);
  return start < 0 ? null : Number.parseInt(text.slice(start + label.length), 10);
}

/** A thread that has ended answers ENOENT to open and ESRCH to read. */
function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
