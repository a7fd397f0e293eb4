/** The kernel that a kernel host runs on, for the run's header, and what its softirqs take of a core. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';

const SYSCTLS = ['netdev_budget', 'netdev_budget_usecs', 'netdev_max_backlog'] as const;
const PREEMPTION = ['NONE', 'VOLUNTARY', 'LAZY', 'RT'] as const;

/** `Linux 6.18.44, HZ 250, preemption none, netdev_budget 300, ...`: only what the kernel tells. */
export function describeKernel(): string {
  const config = readConfig();
  const hz = /^CONFIG_HZ=(\d+)$/m.exec(config)?.[1];
  const model = PREEMPTION.find((each) => config.includes(`CONFIG_PREEMPT_${each}=y`));
  const full = /^CONFIG_PREEMPT=y$/m.test(config) ? 'FULL' : undefined;
  const preemption = (model ?? full)?.toLowerCase();
  const dynamic = config.includes('CONFIG_PREEMPT_DYNAMIC=y') ? ' unless booted otherwise' : '';
  return [
    `Linux ${release()}`,
    hz === undefined ? 'HZ not told' : `HZ ${hz}`,
    preemption === undefined ? 'preemption not told' : `preemption ${preemption}${dynamic}`,
    ...SYSCTLS.flatMap((name) => {
      const path = `/proc/sys/net/core/${name}`;
      return existsSync(path) ? [`${name} ${readFileSync(path, 'latin1').trim()}`] : [];
    }),
  ].join(', ');
}

/** The configuration that the kernel was built with, where it is to be found. */
function readConfig(): string {
  try {
    if (existsSync('/proc/config.gz')) return gunzipSync(readFileSync('/proc/config.gz')).toString('latin1');
    return readFileSync(`/boot/config-${release()}`, 'latin1');
  } catch {
    return '';
  }
}

/** The kernel's number of a thread of its own by name, such as `ksoftirqd/0`; null where it cannot be seen. */
export function kernelThread(name: string): number | null {
  return kernelThreads((each) => each === name)[0] ?? null;
}

/** Numbers of all threads of the kernel's, and other processes, whose name fits. */
export function kernelThreads(fits: (name: string) => boolean): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        return fits(readFileSync(`/proc/${entry}/comm`, 'latin1').trimEnd()) ? [Number(entry)] : [];
      } catch {
        return []; // It ended between the listing and the reading.
      }
    });
}
