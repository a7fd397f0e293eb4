import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { formatCoreList, parseCoreList } from './core-list.ts';
import { openLibc } from './libc.ts';

/**
 * How the kernel schedules a thread (sched(7)). `fifo` is SCHED_FIFO with a priority of 1 to 99 and runs above every
 * other class here; `other` and `batch` share a core fairly by nice (-20 to 19); `idle` is SCHED_IDLE, which any of
 * them preempts on waking. `unknown` is only ever read: a class this program does not set.
 */
export type ThreadPolicy =
  | { readonly class: 'fifo'; readonly priority: number }
  | { readonly class: 'other'; readonly nice: number }
  | { readonly class: 'batch'; readonly nice: number }
  | { readonly class: 'idle' }
  | { readonly class: 'unknown'; readonly policyNumber: number };

/** What a change asked for, what the thread has now (read back from the kernel), and why they differ if they do. */
export interface Obtained<T> {
  readonly obtained: T;
  readonly granted: boolean;
  readonly reason: string;
}

/** SCHED_* of include/uapi/linux/sched.h. */
export const SCHED_NUMBER = { other: 0, fifo: 1, batch: 3, idle: 5 } as const;
/** Bytes of affinity mask handed to the kernel: 8192 CPUs, the most an x86-64 kernel can be configured for. */
const AFFINITY_MASK_BYTES = 1024;
const COMM_CHARS_MAX = 15; // TASK_COMM_LEN in include/linux/sched.h, less the terminating zero

/** Kernel thread id of the calling thread. */
export function currentTid(): number {
  return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
}

/** Kernel thread ids of every thread in this process, V8's and libuv's helpers included. */
export function processTids(): number[] {
  return readdirSync('/proc/self/task').map(Number);
}

/** Names the calling thread for ps, top, perf and gdb. The kernel keeps 15 characters. */
export function nameThread(name: string): void {
  writeFileSync('/proc/thread-self/comm', name.slice(0, COMM_CHARS_MAX));
}

/** Name of a thread of any process. Throws when there is no such thread. */
export function threadName(tid: number): string {
  return readProc(tid, 'comm').trimEnd();
}

/** Cores the thread may run on: what sched_getaffinity(2) says, which a cpuset has narrowed already. */
export function threadCores(tid: number): number[] {
  const match = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readProc(tid, 'status'));
  if (match === null) throw new Error(`/proc/${tid}/status has no Cpus_allowed_list`);
  return parseCoreList(match[1]);
}

/**
 * Scheduling class of a thread, read from /proc/TID/stat: fields 19 nice, 40 rt_priority, 41 policy (proc_pid_stat(5)).
 * Needs neither koffi nor privilege. Throws when there is no such thread.
 */
export function threadPolicy(tid: number): ThreadPolicy {
  const stat = readProc(tid, 'stat');
  // The name in field 2 may itself hold spaces and brackets, so fields are counted from its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const nice = Number(fields[19 - 3]);
  const policyNumber = Number(fields[41 - 3]);
  if (policyNumber === SCHED_NUMBER.fifo) return { class: 'fifo', priority: Number(fields[40 - 3]) };
  if (policyNumber === SCHED_NUMBER.other) return { class: 'other', nice };
  if (policyNumber === SCHED_NUMBER.batch) return { class: 'batch', nice };
  if (policyNumber === SCHED_NUMBER.idle) return { class: 'idle' };
  return { class: 'unknown', policyNumber };
}

/** `fifo 1`, `nice -20`, `batch nice 0`, `idle`: the form used in run headers. */
export function describePolicy(policy: ThreadPolicy): string {
  switch (policy.class) {
    case 'fifo':
      return `fifo ${policy.priority}`;
    case 'other':
      return `nice ${policy.nice}`;
    case 'batch':
      return `batch nice ${policy.nice}`;
    case 'idle':
      return 'idle';
    case 'unknown':
      return `scheduling class number ${policy.policyNumber}`;
  }
}

/**
 * Keeps a thread on the given cores, through koffi or else taskset(1). Lack of privilege, a core outside the cpuset or
 * a missing tool never throws: the result says what the thread has now. Throws when there is no such thread.
 */
export function setThreadCores(tid: number, cores: readonly number[]): Obtained<number[]> {
  const wanted = formatCoreList(cores);
  const { libc } = openLibc();
  const failure =
    libc === null
      ? runTool('taskset', ['-p', '-c', wanted, `${tid}`])
      : describeErrno('sched_setaffinity', libc.setAffinity(tid, affinityMask(cores)));
  const obtained = threadCores(tid);
  const granted = formatCoreList(obtained) === wanted;
  return { obtained, granted, reason: granted ? '' : failure || `the kernel allows cores ${formatCoreList(obtained)}` };
}

/**
 * Gives a thread a scheduling class, through koffi or else chrt(1). Lack of privilege or of a tool never throws: the
 * result says what the thread has now. Throws when there is no such thread.
 */
export function setThreadPolicy(tid: number, policy: ThreadPolicy): Obtained<ThreadPolicy> {
  if (policy.class === 'unknown') throw new Error(`${describePolicy(policy)} can be read, not set`);
  const priority = policy.class === 'fifo' ? policy.priority : 0;
  const { libc } = openLibc();
  let failure =
    libc === null
      ? runTool('chrt', [`--${policy.class}`, '--pid', `${priority}`, `${tid}`])
      : describeErrno(
          'sched_setscheduler',
          libc.setScheduler(tid, SCHED_NUMBER[policy.class], Int32Array.of(priority)),
        );
  if ('nice' in policy) failure ||= tryNice(tid, policy.nice);
  const obtained = threadPolicy(tid);
  const granted = describePolicy(obtained) === describePolicy(policy);
  return { obtained, granted, reason: granted ? '' : failure || `the kernel gave ${describePolicy(obtained)}` };
}

function tryNice(tid: number, nice: number): string {
  try {
    setPriority(tid, nice);
    return '';
  } catch (error) {
    // Node wraps the errno in a system error whose own message is a sentence about libuv.
    const { info } = error as { info?: { code?: string } };
    return `setpriority: ${info?.code ?? errorText(error)}`;
  }
}

function affinityMask(cores: readonly number[]): Uint8Array {
  const mask = new Uint8Array(AFFINITY_MASK_BYTES);
  for (const core of cores) mask[core >> 3] |= 1 << (core & 7);
  return mask;
}

/** Runs one of util-linux's tools; returns why it failed, or an empty string. Costs some milliseconds. */
function runTool(tool: string, args: readonly string[]): string {
  try {
    execFileSync(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return '';
  } catch (error) {
    return `${tool}: ${errorText(error)}`;
  }
}

function describeErrno(call: string, result: number): string {
  if (result === 0) return '';
  const name = Object.entries(constants.errno).find(([, value]) => value === -result)?.[0];
  return `${call}: ${name ?? `errno ${-result}`}`;
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = 'stderr' in error && error.stderr instanceof Buffer ? error.stderr.toString().trim() : '';
  return stderr || error.message;
}

function readProc(tid: number, file: string): string {
  try {
    return readFileSync(`/proc/${tid}/${file}`, 'utf8');
  } catch (error) {
    throw new Error(`there is no thread ${tid} to look at: ${errorText(error)}`, { cause: error });
  }
}
