import { openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';

/**
 * The part of Linux that setting a thread's place and putting it to sleep needs; every call returns 0 or a negative
 * errno.
 */
export interface Libc {
  /**
   * sched_setscheduler(2). `tid` 0 is the calling thread. `param` is struct sched_param: one int, the real-time
   * priority.
   */
  readonly setScheduler: (tid: number, policy: number, param: Int32Array) => number;
  /** sched_setaffinity(2). `mask` has one bit for each CPU, least significant bit of byte 0 first. */
  readonly setAffinity: (tid: number, mask: Uint8Array) => number;
  /** clock_gettime(2) with CLOCK_THREAD_CPUTIME_ID: CPU nanoseconds the calling thread has used. */
  readonly threadCpuNs: () => number;
  /**
   * futex(2) on the first of `words`, FUTEX_WAIT: sleeps while that word is `value`, for a second at most. Null where its
   * number is not known.
   */
  readonly futexWait: ((words: Int32Array, value: number) => void) | null;
  /**
   * Enters the kernel through the file layer and comes back: write(2) of one byte to /dev/null, which copies nothing.
   */
  readonly enterKernel: () => void;
  /** FUTEX_WAKE: wakes one sleeper. */
  readonly futexWake: ((words: Int32Array) => void) | null;
}

/** What came of looking for koffi on this thread. */
export type LibcResult =
  { readonly libc: Libc; readonly reason: '' } | { readonly libc: null; readonly reason: string };

/** __NR_futex, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. */
const FUTEX_NUMBERS: Readonly<Record<string, number>> = { x64: 202, arm64: 98 };
/** FUTEX_WAIT and FUTEX_WAKE with FUTEX_PRIVATE_FLAG, include/uapi/linux/futex.h. */
const FUTEX_WAIT_PRIVATE = 128;
const FUTEX_WAKE_PRIVATE = 129;
/** A sleeper that nobody wakes looks again after this: a safety net that no correct run needs. */
const SLEEP_SECONDS_MAX = 1n;

const CLOCK_THREAD_CPUTIME_ID = 3; // include/uapi/linux/time.h
/** glibc and musl under the names their packages install; the first one that loads is used. */
const LIBRARY_NAMES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1'];

/** The functions of koffi that are used here; koffi is optional, so its own types cannot be relied on. */
export interface Koffi {
  load(name: string): { func(prototype: string): (...args: unknown[]) => number };
  errno(): number;
  address(bytes: Uint8Array): bigint;
}

/** koffi and the C library, of which system calls are made. @throws where either cannot be loaded. */
export function loadLibrary(): { readonly koffi: Koffi; readonly library: ReturnType<Koffi['load']> } {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  return { koffi, library: loadFirst(koffi) };
}

let opened: LibcResult | undefined;

/**
 * System calls through koffi, opened once a thread. Never throws: without koffi, or with VHOSTLAB_KOFFI=off in the
 * environment, `libc` is null and `reason` says why. Only short synchronous calls are made: koffi's asynchronous calls
 * have crashed in worker threads (Koromix/koffi#190).
 */
export function openLibc(): LibcResult {
  opened ??= tryOpen();
  return opened;
}

function tryOpen(): LibcResult {
  if (process.env['VHOSTLAB_KOFFI'] === 'off')
    return { libc: null, reason: 'koffi is switched off (VHOSTLAB_KOFFI=off)' };
  if (process.platform !== 'linux') return { libc: null, reason: `no Linux system calls on ${process.platform}` };
  try {
    return { libc: bind(loadLibrary()), reason: '' };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { libc: null, reason: `koffi cannot be loaded: ${text.split('\n', 1)[0]}` };
  }
}

function bind({ koffi, library }: ReturnType<typeof loadLibrary>): Libc {
  const setScheduler = library.func('int sched_setscheduler(int pid, int policy, const int *param)');
  const setAffinity = library.func('int sched_setaffinity(int pid, size_t len, const uint8_t *mask)');
  const clockGettime = library.func('int clock_gettime(int clock, _Out_ int64_t *timespec)');
  const write = library.func('long write(int fd, const uint8_t *buffer, size_t count)');
  const byte = new Uint8Array(1);
  let nullDevice = -1;
  const timespec = new BigInt64Array(2);
  const futexNumber = FUTEX_NUMBERS[process.arch];
  const futex = library.func('long syscall(long number, int32_t *word, int op, int value, const int64_t *timeout)');
  const sleepMax = BigInt64Array.of(SLEEP_SECONDS_MAX, 0n);
  return {
    futexWait:
      futexNumber === undefined
        ? null
        : (words, value) => void futex(futexNumber, words, FUTEX_WAIT_PRIVATE, value, sleepMax),
    futexWake:
      futexNumber === undefined ? null : (words) => void futex(futexNumber, words, FUTEX_WAKE_PRIVATE, 1, null),
    setScheduler: (tid, policy, param) => (setScheduler(tid, policy, param) === 0 ? 0 : -koffi.errno()),
    setAffinity: (tid, mask) => (setAffinity(tid, mask.length, mask) === 0 ? 0 : -koffi.errno()),
    enterKernel: () => {
      if (nullDevice < 0) nullDevice = openSync(devNull, 'w');
      write(nullDevice, byte, 1);
    },
    threadCpuNs: () => {
      const failed = clockGettime(CLOCK_THREAD_CPUTIME_ID, timespec);
      return failed === 0 ? Number(timespec[0]) * 1e9 + Number(timespec[1]) : -koffi.errno();
    },
  };
}

function loadFirst(koffi: Koffi): ReturnType<Koffi['load']> {
  let lastError: unknown;
  for (const name of LIBRARY_NAMES) {
    try {
      return koffi.load(name);
    } catch (error) {
      lastError = error;
    }
  }
  throw lastError;
}
