/**
 * Whether this user may run around this machine's kernel: as it is, in a user namespace of its own, or not at all, and
 * then for the sake of which setting. All is tried by child processes; nothing of it stays.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';

/** include/uapi/linux/capability.h. */
const CAP_NET_ADMIN = 12;
const CAP_SYS_ADMIN = 21;
const TUN_DEVICE = '/dev/net/tun';
/** unshare(1): a user namespace in which this user is root, with a network and mounts of its own. */
export const OWN_NAMESPACES = ['unshare', '-Urnm'] as const;
/** A veth pair under a bridge, as ip(8) makes it: what a run needs at the least. */
const TRIAL =
  'ip link add br0 type bridge && ip link add v0 type veth peer name v1 && ip link set v0 master br0 && ip link set v0 up';
/** Receive packet steering, which asks for privilege in the namespace that the machine was started with. */
const STEERING = 'mount -t sysfs sysfs /sys && echo 1 | tee /sys/class/net/v0/queues/rx-0/rps_cpus';
/** Files whose presence tells a container (Docker, Podman). */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'] as const;

/** Settings that refuse user or network namespaces to everybody, or to users without privilege. */
const SETTINGS: readonly { readonly name: string; readonly forbids: string }[] = [
  { name: 'user.max_user_namespaces', forbids: '0' },
  { name: 'user.max_net_namespaces', forbids: '0' },
  // Debian's patch of before Linux 5.10's default, and Arch's.
  { name: 'kernel.unprivileged_userns_clone', forbids: '0' },
  // Ubuntu, from 23.10 on.
  { name: 'kernel.apparmor_restrict_unprivileged_userns', forbids: '1' },
];

export interface KernelAccess {
  readonly way: 'as it is' | 'own namespaces' | 'none';
  /** Whether softirq can be put on the modelled host's core. */
  readonly steers: boolean;
  /** What the kernel or a tool said against `way`, where it is none, or else against steering. */
  readonly said: string;
  /** Settings that forbid it: `kernel.unprivileged_userns_clone is 0`. */
  readonly forbiddenBy: readonly string[];
}

/** What stands in the way of the calling thread, read without trying anything. */
export interface Standing {
  /** The line CapEff of /proc/self/status. */
  readonly capabilities: bigint;
  readonly inContainer: boolean;
}

export function readStanding(status = readFileSync('/proc/thread-self/status', 'latin1')): Standing {
  const [, hex = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return { capabilities: BigInt(`0x${hex}`), inContainer: CONTAINER_MARKS.some((path) => existsSync(path)) };
}

/** Whether namespaces and devices can be made without a user namespace in between. */
export function isPrivileged({ capabilities }: Standing): boolean {
  return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every((bit) => (capabilities & (1n << BigInt(bit))) !== 0n);
}

/** Tries it, by children that are gone when this returns. Takes some tens of milliseconds. */
export function findKernelAccess(standing = readStanding()): KernelAccess {
  const tun = tunObstacle();
  if (tun !== '') return { way: 'none', steers: false, said: tun, forbiddenBy: [] };
  const ways = [
    ...(isPrivileged(standing) ? [{ way: 'as it is', command: ['unshare', '-nm'] } as const] : []),
    { way: 'own namespaces', command: OWN_NAMESPACES } as const,
  ];
  let said = '';
  for (const { way, command } of ways) {
    said = tryInside(command, TRIAL);
    if (said !== '') continue;
    const against = tryInside(command, `${TRIAL} && ${STEERING}`);
    return { way, steers: against === '', said: against, forbiddenBy: [] };
  }
  return { way: 'none', steers: false, said, forbiddenBy: forbiddingSettings(readSetting) };
}

/** @param read the value of a sysctl; null where this kernel has none of that name. */
export function forbiddingSettings(read: (name: string) => string | null): string[] {
  return SETTINGS.filter(({ name, forbids }) => read(name) === forbids).map(
    ({ name, forbids }) => `${name} is ${forbids}`,
  );
}

function readSetting(name: string): string | null {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1').trim();
  } catch {
    return null;
  }
}

function tunObstacle(): string {
  if (!existsSync(TUN_DEVICE)) return `there is no ${TUN_DEVICE}`;
  try {
    accessSync(TUN_DEVICE, constants.R_OK | constants.W_OK);
    return '';
  } catch {
    return `this user may not open ${TUN_DEVICE}`;
  }
}

/** @returns what was said against it, or an empty string. */
function tryInside([tool, ...flags]: readonly string[], script: string): string {
  const { error, status, stderr } = spawnSync(tool, [...flags, 'sh', '-c', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (error !== undefined) return `${tool}: ${error.message}`;
  return status === 0 ? '' : stderr.trim().replaceAll('\n', '; ') || `${tool} ended with ${status}`;
}
