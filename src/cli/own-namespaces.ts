/**
 * Without privilege the kernel host runs in a user namespace, in which this user is root. A process with several
 * threads cannot enter one (unshare(2), EINVAL), and Node has several: the program is started again by unshare(1).
 */
import { spawn } from 'node:child_process';
import { OWN_NAMESPACES, findKernelAccess, isPrivileged, readStanding } from '../runtime/kernel/access.ts';
import type { KernelAccess } from '../runtime/kernel/access.ts';
import type { HostKind } from '../runtime/host.ts';
import { UsageError } from './errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** What to give a container, in the words of docker(1); the last for hosts on which AppArmor forbids mounts. */
export const CONTAINER_FLAGS =
  '--cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_NICE --device /dev/net/tun --security-opt apparmor=unconfined';

/**
 * Runs the whole command again inside, where that is the way to the kernel host.
 * @returns the exit code of what ran there; null where this process can do it itself, or another host is asked for.
 * @throws UsageError with the setting that forbids it.
 */
export async function runInOwnNamespaces(hosts: readonly HostKind[]): Promise<number | null> {
  const standing = readStanding();
  if (!hosts.includes('kernel') || isPrivileged(standing)) return null;
  const access = findKernelAccess(standing);
  if (access.way === 'none') throw new UsageError(refusal(access, standing.inContainer));
  const [tool, ...flags] = OWN_NAMESPACES;
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn(tool, [...flags, '--', ...command], { stdio: 'inherit' });
  // A terminal tells both of a Ctrl-C; what another program sends to this process alone is passed on.
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, passOn);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      for (const each of SIGNALS) process.off(each, passOn);
      if (code !== null) resolve(code);
      else reject(new Error(`the run in namespaces of its own was ended by ${signal}`));
    });
  });
}

/** Why there is no kernel host here, and what would have to be otherwise. */
export function refusal({ said, forbiddenBy }: KernelAccess, inContainer: boolean): string {
  const because = forbiddenBy.length === 0 ? '' : `; ${forbiddenBy.join(' and ')}, which forbids it`;
  const container = inContainer ? `; in a container it takes ${CONTAINER_FLAGS}` : '';
  return `--host kernel: found no right to make network namespaces (${said})${because}${container}, allowed: root, or user namespaces`;
}
