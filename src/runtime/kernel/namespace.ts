/**
 * A network namespace of a run's own. It has no name: descriptors of this process are all that keeps it, so that it and
 * every device in it are gone when the process is, whatever ended it.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { NetworkCalls } from '../os/network-calls.ts';

const OWN_NAMESPACE = '/proc/thread-self/ns/net';
const DEVICES_BYTES_MAX = 1 << 16;

/** What this machine or user does not allow, in words for people. */
export class KernelHostError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KernelHostError';
  }
}

export class NetworkNamespace {
  readonly calls: NetworkCalls;
  private readonly home: number;
  private readonly inside: number;
  private readonly devices: number;
  private readonly buffer = Buffer.alloc(DEVICES_BYTES_MAX);

  /**
   * @param path of one that is there; without it a new one is made.
   * @throws KernelHostError where no namespace can be made.
   */
  constructor(path: string | null = null) {
    this.calls = openCalls();
    this.home = openSync(OWN_NAMESPACE, 'r');
    try {
      if (path === null) this.calls.unshareNetwork();
      else this.enter(path);
    } catch (error) {
      closeSync(this.home);
      const why = error instanceof Error ? error.message : String(error);
      throw new KernelHostError(
        `--host kernel needs a network namespace of its own, and this user may not make one (${why}): run it as root, ` +
          'or with CAP_SYS_ADMIN and CAP_NET_ADMIN',
      );
    }
    this.inside = openSync(OWN_NAMESPACE, 'r');
    // An open file of /proc/net stays with the namespace it was opened in.
    this.devices = openSync('/proc/thread-self/net/dev', 'r');
    this.calls.enterNetwork(this.home);
  }

  private enter(path: string): void {
    const file = openSync(path, 'r');
    try {
      this.calls.enterNetwork(file);
    } finally {
      closeSync(file);
    }
  }

  /** Does something inside, on this thread, and comes back. */
  within<T>(act: () => T): T {
    this.calls.enterNetwork(this.inside);
    try {
      return act();
    } finally {
      this.calls.enterNetwork(this.home);
    }
  }

  /** /proc/net/dev of the namespace. */
  readDevices(): string {
    return this.buffer.toString('latin1', 0, readSync(this.devices, this.buffer, 0, DEVICES_BYTES_MAX, 0));
  }

  /** No frame but the run's own: nothing of IPv6, and no filter of bridged frames. Inside only. */
  quieten(): void {
    const settings: readonly (readonly [string, string])[] = [
      ['ipv6/conf/all/disable_ipv6', '1'],
      ['ipv6/conf/default/disable_ipv6', '1'],
      ['bridge/bridge-nf-call-iptables', '0'],
      ['bridge/bridge-nf-call-arptables', '0'],
    ];
    for (const [name, value] of settings) {
      const path = `/proc/sys/net/${name}`;
      if (existsSync(path) && readFileSync(path, 'latin1').trim() !== value) writeFileSync(path, value);
    }
  }

  /** Runs a batch of ip(8) commands. Inside only. @throws KernelHostError with what ip says. */
  configure(commands: readonly string[]): void {
    runTool('ip', ['-batch', '-'], `${commands.join('\n')}\n`);
  }

  /**
   * Runs a shell script that sees the devices of this namespace under /sys, by a mount that nobody else sees. Inside
   * only. @returns why it failed, or an empty string.
   */
  tryWithSysfs(script: string): string {
    try {
      runTool('unshare', ['--mount', 'sh', '-e', '-c', `mount -t sysfs sysfs /sys\n${script}`], '');
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Lets go of it: the kernel removes it when no socket or tap is open any more. */
  close(): void {
    for (const file of [this.devices, this.inside, this.home]) closeSync(file);
  }
}

function openCalls(): NetworkCalls {
  try {
    return new NetworkCalls();
  } catch (error) {
    const text = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    throw new KernelHostError(`--host kernel makes its system calls through koffi, which cannot be loaded: ${text}`);
  }
}

/** @throws KernelHostError that names the tool and what it said. */
export function runTool(tool: string, args: readonly string[], input: string): void {
  try {
    execFileSync(tool, args, { input, stdio: ['pipe', 'ignore', 'pipe'] });
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: Buffer };
    if (code === 'ENOENT') throw new KernelHostError(`network namespaces need ${tool}(8), which is not installed here`);
    const said = stderr?.toString().trim().replaceAll('\n', '; ') ?? String(error);
    throw new KernelHostError(`${tool}: ${said}`);
  }
}
