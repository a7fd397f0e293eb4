/** What of this machine decides how fast a run is, as far as the machine says. */
import { readFileSync, readdirSync } from 'node:fs';
import { cpus, release, totalmem, version } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { cpuQuotaCores } from './cgroup.ts';
import { threadCores } from './os-threads.ts';

/** Null for what the machine does not say. */
export interface MachineFingerprint {
  /** Processor, number of CPUs and kernel, in words. */
  readonly text: string;
  readonly cpu: string;
  readonly cpus: number;
  /** Cores this process may use, after cpusets and taskset, and cores' worth of time that its cgroup grants. */
  readonly coresAllowed: readonly number[];
  readonly quotaCores: number | null;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** As `uname -v`. */
  readonly kernelBuild: string;
  /** Timer interrupts a second, CONFIG_HZ of the running kernel's configuration. */
  readonly hz: number | null;
  /** Preemption model: as chosen at boot where debugfs tells, else as built. */
  readonly preemption: string | null;
  /** Frequency governors of the cores, each once; empty where frequency is not this kernel's business. */
  readonly governors: readonly string[];
  /** Hardware vulnerabilities and what is done about each, /sys/devices/system/cpu/vulnerabilities. */
  readonly mitigations: Readonly<Record<string, string>>;
  /** Whether this is a virtual machine. */
  readonly hypervisor: boolean | null;
  /** Share of its time since boot that the hypervisor gave to others. */
  readonly stealRatioSinceBoot: number | null;
}

const CPU_FOLDER = '/sys/devices/system/cpu';

/** Reads it anew: what others take and the governors may change. Takes a millisecond or two. */
export function readFingerprint(): MachineFingerprint {
  const processors = cpus();
  const cpu = processors[0]?.model ?? 'unknown processor';
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readOrNull('/proc/cpuinfo') ?? '')?.[1] ?? null;
  return {
    text: `${cpu}, ${processors.length} CPUs, Linux ${release()}`,
    cpu,
    cpus: processors.length,
    coresAllowed: threadCores(process.pid),
    quotaCores: cpuQuotaCores(),
    memoryBytes: totalmem(),
    kernel: release(),
    kernelBuild: version(),
    hz: configuredHz(),
    preemption: preemptionModel(),
    governors: governors(),
    mitigations: mitigations(),
    hypervisor: flags === null ? null : /\bhypervisor\b/.test(flags),
    stealRatioSinceBoot: stealRatioOf(readOrNull('/proc/stat') ?? ''),
  };
}

/** Of the line of all CPUs of /proc/stat (proc_stat(5)); null where there is none. */
export function stealRatioOf(stat: string): number | null {
  const fields = /^cpu +(.*)$/m.exec(stat)?.[1].split(' ').map(Number) ?? [];
  // user nice system idle iowait irq softirq steal; guest time is part of user's.
  const total = fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0);
  return fields.length < 8 || total === 0 ? null : fields[7] / total;
}

/** From `none [voluntary] full`, or of a build such as `#1 SMP PREEMPT_DYNAMIC Sat ...`; null where neither says. */
export function preemptionOf(debugfs: string | null, build: string): string | null {
  const chosen = /\((\w+)\)|\[(\w+)\]/.exec(debugfs ?? '');
  if (chosen !== null) return chosen[1] ?? chosen[2];
  return /\bPREEMPT(?:_\w+)?\b/.exec(build)?.[0] ?? null;
}

function preemptionModel(): string | null {
  return preemptionOf(readOrNull('/sys/kernel/debug/sched/preempt'), version());
}

function configuredHz(): number | null {
  const text = inflated('/proc/config.gz') ?? readOrNull(`/boot/config-${release()}`);
  const hz = /^CONFIG_HZ=(\d+)$/m.exec(text ?? '')?.[1];
  return hz === undefined ? null : Number(hz);
}

function governors(): string[] {
  const found = namesIn(CPU_FOLDER)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => readOrNull(join(CPU_FOLDER, name, 'cpufreq/scaling_governor'))?.trim())
    .filter((governor) => governor !== undefined);
  return [...new Set(found)].sort();
}

function mitigations(): Record<string, string> {
  const folder = join(CPU_FOLDER, 'vulnerabilities');
  const names = namesIn(folder).sort();
  return Object.fromEntries(names.map((name) => [name, readOrNull(join(folder, name))?.trim() ?? 'not told']));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function inflated(path: string): string | null {
  try {
    return gunzipSync(readFileSync(path)).toString();
  } catch {
    return null;
  }
}
