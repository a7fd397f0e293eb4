/**
 * Threaded NAPI: the kernel polls a port in a thread of its own, one of many on its core, instead of in softirq
 * (dev_set_threaded, net/core/dev.c). A veth device polls only where it takes frames together (GRO), and only for what
 * its peer has cut into segments (veth_skb_is_eligible_for_gro, drivers/net/veth.c).
 */
import { setThreadCores } from '../os/os-threads.ts';
import { wireEnd } from './layout.ts';
import { kernelThreads } from './machine.ts';
import { KernelHostError } from './namespace.ts';
import type { NetworkNamespace } from './namespace.ts';

/** TASK_COMM_LEN less the terminating zero: longer names of threads are cut. */
const NAME_CHARACTERS = 15;

/** A thread of the kernel's that polls one port. */
export interface PollingThread {
  readonly port: string;
  readonly tid: number;
  readonly core: number;
}

/**
 * Has ports, which are up, polled by threads, each kept on its core. Inside only.
 * @throws KernelHostError where the kernel refuses.
 */
export function pollInThreads(
  namespace: NetworkNamespace,
  ports: readonly { readonly port: string; readonly core: number }[],
): PollingThread[] {
  const before = new Set(kernelThreads((name) => name.startsWith('napi/')));
  for (const { port } of ports) {
    namespace.calls.setOffload(wireEnd(port), 'tso', false);
    namespace.calls.setOffload(port, 'gro', true);
  }
  const fault = namespace.tryWithSysfs(ports.map(({ port }) => `echo 1 > /sys/class/net/${port}/threaded`).join('\n'));
  if (fault !== '') {
    throw new KernelHostError(
      `host.threadedNapi: found true, allowed: false; the kernel does not let this user have ports polled by threads (${fault})`,
    );
  }
  return ports.map(({ port, core }) => {
    // The kernel calls it napi/DEV-ID, and devices of other namespaces may have the same name.
    const beginning = `napi/${port}-`.slice(0, NAME_CHARACTERS);
    const made = kernelThreads((name) => name.startsWith(beginning)).filter((tid) => !before.has(tid));
    if (made.length !== 1) {
      const many = made.length === 0 ? 'not to be seen' : 'not to be told from those of another run';
      throw new KernelHostError(`host.threadedNapi: the thread that polls ${port} is ${many}: run it again`);
    }
    const [tid] = made;
    const { granted, reason } = setThreadCores(tid, [core]);
    if (!granted)
      throw new KernelHostError(`host.threadedNapi: the thread that polls ${port} stays where it is: ${reason}`);
    return { port, tid, core };
  });
}
