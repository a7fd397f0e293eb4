import { readFileSync } from 'node:fs';
import type { EndPlace, Stock, ThreadUse } from '../host.ts';
import { parseCoreTimes } from '../os/core-use.ts';
import { ScheduleReader } from '../os/sched-stats.ts';
import type { Plan } from '../plan.ts';
import { ThreadHost, findMeans } from '../threads/thread-host.ts';
import type { ThreadHostMeans } from '../threads/thread-host.ts';
import { NamespaceEnds } from './ends.ts';
import type { KernelLayout } from './layout.ts';
import { describeKernel, kernelThread } from './machine.ts';
import { KernelNetwork } from './network.ts';
import type { PollingThread } from './polling-threads.ts';
import type { DeviceTask } from './thread-devices.ts';

/** A core of the modelled host, and the thread that softirqs are left to there. */
interface SoftirqCore {
  readonly core: number;
  readonly ksoftirqd: number | null;
}

/**
 * Runs a plan on real threads around this machine's own kernel: ports, bridges and taps are its devices, in a network
 * namespace that lives as long as this process and no longer.
 */
export class KernelHost extends ThreadHost {
  override readonly kind = 'kernel';
  readonly ends: readonly EndPlace[];
  readonly kernelThreads: readonly number[];
  private readonly network: KernelNetwork;
  private readonly namespaces: NamespaceEnds | null;
  private readonly softirqs: readonly SoftirqCore[];
  private readonly kernelTimes = new ScheduleReader('/proc');

  /**
   * Makes the namespace and its devices, and starts the threads, idle.
   * @throws KernelHostError when this machine or user does not allow it; PlacementError as the thread host does.
   */
  static async open(plan: Plan, layout: KernelLayout): Promise<KernelHost> {
    const means = await findMeans(plan);
    const { hostCores, hardwareCores } = means.placement;
    const ends = plan.ends.length === 0 ? null : new NamespaceEnds(plan.ends);
    let network: KernelNetwork | null = null;
    try {
      network = new KernelNetwork(layout, { host: hostCores, wire: hardwareCores[0] }, ends);
      return new KernelHost(plan, layout, means, { network, ends });
    } catch (error) {
      network?.close();
      await ends?.close();
      throw error;
    }
  }

  private constructor(plan: Plan, layout: KernelLayout, means: ThreadHostMeans, { network, ends }: Networks) {
    super(plan, judgedBy(means, network), deviceTask(plan, layout, network));
    this.network = network;
    this.namespaces = ends;
    this.ends = ends?.places ?? [];
    this.kernelThreads = network.pollers.map(({ tid }) => tid);
    const { hostCores, hardwareCores } = means.placement;
    this.softirqs = [...new Set(hostCores)].map((core) => ({ core, ksoftirqd: kernelThread(`ksoftirqd/${core}`) }));
    const listed = softirqTimes();
    const unlisted = this.softirqs.filter(({ core }) => !listed.has(core)).map(({ core }) => core);
    if (unlisted.length > 0)
      this.header.push(`how long softirq ran on core ${unlisted.join(', ')} is not known: /proc/stat does not list it`);
    const { steeringFault } = network;
    this.header.push(
      `the host is this machine's kernel: ${describeKernel()}`,
      'the backend is a worker in user space, one read or write of the tap a frame: there is no /dev/vhost-net in it',
      ...(network.pollers.length === 0 ? [] : [`threaded NAPI: ${describePollers(network.pollers)}`]),
      steeringFault === ''
        ? `softirq of the ${network.pollers.length === 0 ? 'ports' : 'worker'} runs on core ${hostCores.join(', ')}, that of the wires on core ${hardwareCores[0]} (RPS)`
        : `softirq runs on the core of whoever sends, which is not the modelled host's: RPS is refused (${steeringFault})`,
    );
  }

  override async start(): Promise<void> {
    await super.start();
    const listed = softirqTimes();
    for (const { core, ksoftirqd } of this.softirqs) {
      if (listed.has(core)) this.places.push({ name: `softirq${core}`, core, policy: "the kernel's", kind: 'softirq' });
      if (ksoftirqd !== null) this.places.push({ name: `ksoftirqd/${core}`, core, policy: 'nice 0' });
    }
    for (const { port, core } of this.network.pollers)
      this.places.push({ name: `napi/${port}`, core, policy: 'nice 0', kind: 'softirq' });
  }

  refreshCounters(): void {
    this.network.refresh(this.memory);
    this.namespaces?.refresh(this.memory);
  }

  stopEnds(): void {
    this.namespaces?.stop();
  }

  /** The threads', and what softirq took of the modelled host's cores: all of it, whosever, in steps of 10 ms. */
  override threadUse(): ThreadUse[] {
    const times = softirqTimes();
    const own = this.softirqs.flatMap(({ core, ksoftirqd }): ThreadUse[] => {
      const runNs = times.get(core);
      const softirq = runNs === undefined ? [] : [{ name: `softirq${core}`, runNs, waitNs: null, switches: null }];
      const [time] = ksoftirqd === null ? [null] : this.kernelTimes.readTimes([ksoftirqd]);
      if (time === null) return softirq;
      return [...softirq, { name: `ksoftirqd/${core}`, runNs: time.runNs, waitNs: time.waitNs, switches: time.slices }];
    });
    const { pollers } = this.network;
    const polled = this.kernelTimes.readTimes(this.kernelThreads).flatMap((time, i): ThreadUse[] => {
      if (time === null) return [];
      return [{ name: `napi/${pollers[i].port}`, runNs: time.runNs, waitNs: time.waitNs, switches: time.slices }];
    });
    return [...super.threadUse(), ...own, ...polled];
  }

  override async takeStock(): Promise<Stock> {
    const framesInKernel = this.network.settle();
    return { ...(await super.takeStock()), framesInKernel };
  }

  override async resume(): Promise<void> {
    this.network.unsettle();
    await super.resume();
  }

  override async stop(): Promise<void> {
    await super.stop();
    this.kernelTimes.close();
    this.network.close();
    await this.namespaces?.close();
  }
}

/** Where softirq is not on the modelled host's core, it is another experiment: whoever sends pays for it. */
function judgedBy(found: ThreadHostMeans, { steeringFault }: KernelNetwork): ThreadHostMeans {
  if (steeringFault === '') return found;
  const { placement } = found;
  const why = 'softirq runs on the core of whoever sends, and not on that of the worker: RPS is refused';
  return { ...found, placement: { ...placement, oversubscribed: [...placement.oversubscribed, why] } };
}

/** Time in softirqs by core, ns, of the cores that the kernel lists. */
function softirqTimes(): Map<number, number> {
  const times = parseCoreTimes(readFileSync('/proc/stat', 'latin1'), () => null);
  return new Map(times.map(({ core, softirqNs }) => [core, softirqNs]));
}

/** `a thread of the kernel's on core 0 polls eth0, ...`. */
function describePollers(pollers: readonly PollingThread[]): string {
  return pollers.map(({ port, core }) => `a thread of the kernel's on core ${core} polls ${port}`).join(', ');
}

/** The kernel's devices of a run, and the namespaces of programs where it has some. */
interface Networks {
  readonly network: KernelNetwork;
  readonly ends: NamespaceEnds | null;
}

/** Every thread is told of every device: what each opens by name its plan decides. */
function deviceTask({ threads }: Plan, { bridges }: KernelLayout, network: KernelNetwork): DeviceTask {
  const readers = new Set(bridges.flatMap(({ taps }) => taps.map(({ thread }) => thread)));
  const bells = threads
    .filter(({ name }) => readers.has(name))
    .map(({ name, doorbell }) => [doorbell.offsetBytes, network.openBell(name)] as const);
  return { descriptors: [...network.descriptors], bells };
}
