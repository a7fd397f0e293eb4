import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { cpuQuotaCores } from './cgroup.ts';
import { formatCoreList } from './core-list.ts';
import { openLibc } from './libc.ts';
import { INTERRUPT_FIFO_PRIORITY } from '../threads/self-policy.ts';
import type { ThreadPolicy } from './os-threads.ts';
import { setThreadCores, setThreadPolicy, threadCores } from './os-threads.ts';

/** One thing this process may or may not do; `how` names the means when it may and the obstacle when it may not. */
export interface Capability {
  readonly available: boolean;
  readonly how: string;
}

/** What this machine and this user allow; placement is decided from it and run headers print it. */
export interface ThreadCapabilities {
  /** System calls without starting a process: what changing class on each softirq context change needs. */
  readonly koffi: Capability;
  readonly affinity: Capability;
  /** SCHED_FIFO at the priority interrupt class uses. */
  readonly fifo: Capability;
  /** A nice value below zero. */
  readonly niceNegative: Capability;
  readonly schedIdle: Capability;
  /** Run and wait time of each thread from the kernel. Without it waiting for a core cannot be measured. */
  readonly schedstat: Capability;
  /** CPU time of the calling thread, exact at the moment of the call. */
  readonly perThreadCpuClock: Capability;
  /** Cores this process may use, ascending, after cpusets and taskset. */
  readonly coresAllowed: readonly number[];
  /**
   * Cores' worth of CPU time the cgroup grants, or null for no limit. Below `coresAllowed` threads will be throttled.
   */
  readonly cpuQuotaCores: number | null;
  /**
   * Share of each second that real-time threads may take (/proc/sys/kernel/sched_rt_runtime_us), or null if unknown.
   */
  readonly realTimeShareMax: number | null;
}

/**
 * Finds out what the calling process may do with threads, by doing it to a short-lived child process, so that no thread
 * of ours changes. Takes some milliseconds, tens of them without koffi. Never throws for lack of anything.
 */
export function probeCapabilities(): ThreadCapabilities {
  const { libc, reason } = openLibc();
  const by = libc === null ? 'util-linux tools' : 'koffi';
  const cpuNs = libc === null ? 0 : libc.threadCpuNs();
  return {
    koffi: libc === null ? no(reason) : yes('loaded'),
    ...probeOnChild(by),
    schedstat: probeSchedstat(),
    perThreadCpuClock:
      cpuNs > 0 ? yes('clock_gettime(CLOCK_THREAD_CPUTIME_ID)') : no(libc === null ? reason : `errno ${-cpuNs}`),
    coresAllowed: coresAllowed(),
    cpuQuotaCores: cpuQuotaCores(),
    realTimeShareMax: realTimeShareMax(),
  };
}

/** Human lines for the run header and the doctor verb, one for each capability. */
export function describeCapabilities(found: ThreadCapabilities): string[] {
  const line = (name: string, { available, how }: Capability): string => `${name}: ${available ? 'yes' : 'no'}, ${how}`;
  const quota = found.cpuQuotaCores === null ? 'no quota' : `quota of ${found.cpuQuotaCores.toFixed(2)} cores`;
  return [
    `cores: ${formatCoreList(found.coresAllowed)}, ${quota}`,
    line('koffi', found.koffi),
    line('affinity', found.affinity),
    line('real-time class', found.fifo),
    line('negative nice', found.niceNegative),
    line('idle class', found.schedIdle),
    line('schedstat', found.schedstat),
    line('thread CPU clock', found.perThreadCpuClock),
  ];
}

type ChildProbe = Pick<ThreadCapabilities, 'affinity' | 'fifo' | 'niceNegative' | 'schedIdle'>;

/** A child has its parent's user, limits and seccomp filter, so what can be done to it can be done to our threads. */
function probeOnChild(by: string): ChildProbe {
  const child = spawn('sleep', ['5'], { stdio: 'ignore' });
  child.on('error', () => undefined); // No sleep(1): pid is undefined and the answers below say so.
  child.unref();
  const { pid } = child;
  if (pid === undefined) {
    const unknown = no('could not be tried: sleep(1) is missing');
    return { affinity: unknown, fifo: unknown, niceNegative: unknown, schedIdle: unknown };
  }
  try {
    const policy = (asked: ThreadPolicy): Capability => tried(() => setThreadPolicy(pid, asked), by);
    return {
      affinity: tried(() => setThreadCores(pid, threadCores(pid).slice(0, 1)), by),
      fifo: policy({ class: 'fifo', priority: INTERRUPT_FIFO_PRIORITY }),
      niceNegative: policy({ class: 'other', nice: -20 }),
      schedIdle: policy({ class: 'idle' }),
    };
  } finally {
    child.kill('SIGKILL');
  }
}

function tried(attempt: () => { readonly granted: boolean; readonly reason: string }, by: string): Capability {
  try {
    const { granted, reason } = attempt();
    return granted ? yes(by) : no(reason);
  } catch (error) {
    return no(error instanceof Error ? error.message : String(error));
  }
}

function probeSchedstat(): Capability {
  const path = '/proc/thread-self/schedstat';
  if (!existsSync(path)) return no('the kernel was built without CONFIG_SCHED_INFO');
  // A live thread has been put on a core at least once: zeros are what a kernel prints that does not collect them.
  return readFileSync(path, 'utf8').startsWith('0 0 0') ? no('the kernel does not collect it') : yes(path);
}

function coresAllowed(): number[] {
  try {
    return threadCores(process.pid);
  } catch {
    return Array.from({ length: availableParallelism() }, (_, core) => core);
  }
}

function realTimeShareMax(): number | null {
  const runtimeUs = Number(readText('/proc/sys/kernel/sched_rt_runtime_us') ?? NaN);
  const periodUs = Number(readText('/proc/sys/kernel/sched_rt_period_us') ?? NaN);
  if (Number.isNaN(runtimeUs) || Number.isNaN(periodUs)) return null;
  return runtimeUs < 0 ? 1 : runtimeUs / periodUs;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function yes(how: string): Capability {
  return { available: true, how };
}

function no(how: string): Capability {
  return { available: false, how };
}
