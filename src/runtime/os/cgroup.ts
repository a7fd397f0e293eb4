/** The CPU quota of the cgroup this process is in, and how often it was used up (cgroups(7), cpu.stat). */
import { readFileSync } from 'node:fs';

/** What a quota has done so far, of the cgroup or ancestor that was held up longest. */
export interface Throttling {
  /** Periods in which there was something to run, and those among them whose quota was used up. */
  readonly periods: number;
  readonly throttledPeriods: number;
  /** Time for which threads stood still for it, summed over the cores on which they did. */
  readonly throttledNs: number;
}

/** Reads a file whole; null where there is none. */
export type ReadText = (path: string) => string | null;

interface CpuFolder {
  readonly version: 1 | 2;
  readonly folder: string;
}

/**
 * Folders of this process's cgroup and of its ancestors, as far as they are mounted here, in the hierarchy that has the
 * cpu controller: `cpu` of version 1, or version 2.
 */
function cpuFolders(read: ReadText): CpuFolder[] {
  const mounts = (read('/proc/self/mountinfo') ?? '').split('\n');
  const memberships = (read('/proc/self/cgroup') ?? '').trim().split('\n');
  return memberships.flatMap((line): CpuFolder[] => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined || (controllers !== '' && !controllers.split(',').includes('cpu'))) return [];
    const version = controllers === '' ? 2 : 1;
    const mount = mounts.map(parseMount).find((each) => each !== null && isOf(each, version));
    if (mount === null || mount === undefined) return [];
    const below = path.startsWith(mount.root) ? path.slice(mount.root.length) : path;
    return withAncestors(below).map((part) => ({ version, folder: `${mount.point}${part}` }));
  });
}

interface Mount {
  /** Which part of the hierarchy is mounted, without a slash at its end. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** A line of /proc/PID/mountinfo, proc_pid_mountinfo(5). */
function parseMount(line: string): Mount | null {
  const [own, filesystem] = line.split(' - ');
  const [, , , root, point] = own.split(' ');
  const [type, , options] = filesystem?.split(' ') ?? [];
  if (options === undefined) return null;
  return { root: root.replace(/\/$/, ''), point, type, options: options.split(',') };
}

function isOf({ type, options }: Mount, version: 1 | 2): boolean {
  return version === 2 ? type === 'cgroup2' : type === 'cgroup' && options.includes('cpu');
}

/** `/a/b` gives `/a/b`, `/a` and the root. */
function withAncestors(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return Array.from({ length: parts.length + 1 }, (_, drop) =>
    parts
      .slice(0, parts.length - drop)
      .map((part) => `/${part}`)
      .join(''),
  );
}

/** Tightest quota, in cores: cpu.max in version 2, cpu.cfs_quota_us in version 1. Null for none. */
export function cpuQuotaCores(read: ReadText = readOrNull): number | null {
  const quotas = cpuFolders(read).flatMap(({ version, folder }) => {
    const [quota, period] =
      version === 2
        ? (read(`${folder}/cpu.max`) ?? '').split(' ').map(Number)
        : [Number(read(`${folder}/cpu.cfs_quota_us`)), Number(read(`${folder}/cpu.cfs_period_us`))];
    return quota > 0 && period > 0 ? [quota / period] : [];
  });
  return quotas.length === 0 ? null : Math.min(...quotas);
}

/** How often the quota was used up so far; null where no cgroup of this process counts it. */
export function readThrottling(read: ReadText = readOrNull): Throttling | null {
  const counted = cpuFolders(read).flatMap(({ folder }): Throttling[] => {
    const text = read(`${folder}/cpu.stat`) ?? '';
    const field = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? NaN);
    const throttledNs = Number.isNaN(field('throttled_usec'))
      ? field('throttled_time')
      : 1000 * field('throttled_usec');
    if (Number.isNaN(throttledNs)) return [];
    return [{ periods: field('nr_periods'), throttledPeriods: field('nr_throttled'), throttledNs }];
  });
  return counted.reduce<Throttling | null>(
    (most, each) => (most === null || each.throttledNs > most.throttledNs ? each : most),
    null,
  );
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
