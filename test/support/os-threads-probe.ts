import { probeCapabilities } from '../../src/runtime/os/capabilities.ts';
import { calibrateBurn } from '../../src/runtime/threads/cpu-burn.ts';
import { openLibc } from '../../src/runtime/os/libc.ts';
import {
  currentTid,
  setThreadCores,
  setThreadPolicy,
  threadCores,
  threadPolicy,
} from '../../src/runtime/os/os-threads.ts';
import type { ThreadPolicy } from '../../src/runtime/os/os-threads.ts';
import { placeThreads } from '../../src/runtime/os/placement.ts';
import { ScheduleReader } from '../../src/runtime/os/sched-stats.ts';
import { SelfPolicy } from '../../src/runtime/threads/self-policy.ts';

/** Everything the operating-system side can do, done in a process of its own, and printed as JSON. */
export interface ProbeReport {
  readonly capabilities: ReturnType<typeof probeCapabilities>;
  readonly self: { readonly switchable: boolean; readonly reason: string; readonly movedToFifo: boolean };
  readonly fifo: ReturnType<typeof setThreadPolicy>;
  readonly nice: ReturnType<typeof setThreadPolicy>;
  readonly idle: ReturnType<typeof setThreadPolicy>;
  readonly batch: ReturnType<typeof setThreadPolicy>;
  readonly policyAtStart: ThreadPolicy;
  readonly policyAfterProbe: ThreadPolicy;
  readonly oneCore: ReturnType<typeof setThreadCores>;
  readonly noSuchCore: ReturnType<typeof setThreadCores>;
  readonly oversubscribed: readonly string[];
  readonly burnClock: string;
  readonly threadCount: number;
}

const NOBODY = 65534;

openLibc(); // While the files can still be read.
if (process.argv.includes('--drop-privileges')) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
process.stdout.write(JSON.stringify(report()));

function report(): ProbeReport {
  const tid = currentTid();
  const policyAtStart = threadPolicy(tid);
  const capabilities = probeCapabilities();
  const policyAfterProbe = threadPolicy(tid);
  const selfPolicy = new SelfPolicy();
  const self = {
    switchable: selfPolicy.switchable,
    reason: selfPolicy.reason,
    movedToFifo: selfPolicy.toFifo(),
  };
  selfPolicy.toOther();
  const fifo = setThreadPolicy(tid, { class: 'fifo', priority: 1 });
  const nice = setThreadPolicy(tid, { class: 'other', nice: -5 });
  const batch = setThreadPolicy(tid, { class: 'batch', nice: 0 });
  const noSuchCore = setThreadCores(tid, [4095]);
  const oneCore = setThreadCores(tid, threadCores(tid).slice(0, 1));
  const burnClock = calibrateBurn().clock;
  const { oversubscribed } = placeThreads([{ name: 'softirq0', kind: 'softirq' }], probeCapabilities());
  const reader = new ScheduleReader();
  const threadCount = reader.read(true).length;
  reader.close();
  // Last, because an ordinary user cannot take it back.
  const idle = setThreadPolicy(tid, { class: 'idle' });
  return {
    capabilities,
    self,
    fifo,
    nice,
    idle,
    batch,
    policyAtStart,
    policyAfterProbe,
    oneCore,
    noSuchCore,
    oversubscribed,
    burnClock,
    threadCount,
  };
}
