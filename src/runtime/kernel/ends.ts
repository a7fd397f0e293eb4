/**
 * The ends of wires as real programs find them: for each a network namespace that has a name, with one device, its
 * address, and a route through the guest, so that `ip netns exec NAME ping` and the like work from any shell. A name is
 * a mount of the whole machine's, which outlives this process: a shell that waits for this process to end removes it,
 * whatever ended the process. Should that be killed too, the next run does.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, readdirSync } from 'node:fs';
import { END_COUNTER } from '../../../actors/kernel/devices.ts';
import { TAP_END_COUNTERS } from '../../../actors/kernel/tap-end.ts';
import { indexCounters } from '../../../actors/actor.ts';
import type { Memory } from '../../memory/arena.ts';
import type { EndPlace } from '../host.ts';
import type { EndPlan } from '../plan.ts';
import { drain } from './drain.ts';
import { KernelHostError, NetworkNamespace, runTool } from './namespace.ts';
import { NO_FRAMES, parseDevices } from './proc-net.ts';
import type { DeviceCount } from './proc-net.ts';

/** Where ip(8) keeps names (NETNS_RUN_DIR). */
const NAMES_FOLDER = '/run/netns';
const OWN_NAME = /^vhostlab-(\d+)-/;
/** Frames of programs that wait while the wire is busy: the default of a tap device. */
const TAP_QUEUE_FRAMES = 1000;
const FILE = indexCounters(TAP_END_COUNTERS);

/** Removes the names it is given once its input ends, which this process holds open. */
const REMOVER = 'cat > /dev/null; for name; do ip netns delete "$name"; done';

export class NamespaceEnds {
  readonly places: readonly EndPlace[];
  /** Taps that were opened, by name. */
  readonly descriptors = new Map<string, number>();
  private readonly plans: readonly EndPlan[];
  private readonly remover: ChildProcess;
  private readonly namespaces = new Map<string, NetworkNamespace>();

  /** @throws KernelHostError where namespaces or devices cannot be made; nothing is left of them then. */
  constructor(plans: readonly EndPlan[]) {
    this.plans = plans;
    this.places = plans.map(({ port, address, target }) => {
      return { port, namespace: `vhostlab-${process.pid}-${port}`, address, target };
    });
    removeStale();
    const names = this.places.map(({ namespace }) => namespace);
    // In a session of its own: what a terminal sends to this program it is not to hear.
    const options: SpawnOptions = { detached: true, stdio: ['pipe', 'ignore', 'ignore'] };
    this.remover = spawn('sh', ['-c', REMOVER, 'vhostlab', ...names], options);
    this.remover.unref();
    try {
      for (const { port, namespace } of this.places) this.namespaces.set(port, makeNamed(namespace));
      for (const plan of plans) if (plan.tap !== null) this.openTap(plan, plan.tap.descriptor);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  private openTap(plan: EndPlan, descriptor: string): void {
    const namespace = this.namespaces.get(plan.port)!;
    namespace.within(() => {
      this.descriptors.set(descriptor, namespace.calls.openTap(plan.port));
      namespace.configure([`link set ${plan.port} txqueuelen ${TAP_QUEUE_FRAMES}`]);
      this.furnish(plan, namespace);
    });
  }

  /** Makes a device of another namespace the device of an end. */
  take(port: string, device: string, from: NetworkNamespace): void {
    const plan = this.plans.find((each) => each.port === port)!;
    const { namespace: name } = this.places.find((each) => each.port === port)!;
    from.within(() => from.configure([`link set ${device} netns ${name} name ${port}`]));
    const namespace = this.namespaces.get(port)!;
    namespace.within(() => this.furnish(plan, namespace));
  }

  /** Gives an end its address and its way. Inside only. */
  private furnish({ port, mac, mtuBytes, address, gateway, neighbours }: EndPlan, namespace: NetworkNamespace): void {
    namespace.calls.disableOffloads(port);
    namespace.configure([
      'link set lo up',
      `link set ${port} address ${mac} mtu ${mtuBytes}`,
      `address add ${address} dev ${port}`,
      `link set ${port} up`,
      ...neighbours.map((each) => `neigh replace ${each.address} lladdr ${each.mac} dev ${port} nud permanent`),
      `route add default via ${gateway} dev ${port} onlink`,
    ]);
  }

  /** What the device of an end has counted. */
  count(port: string): DeviceCount {
    return parseDevices(this.namespaces.get(port)!.readDevices()).get(port) ?? NO_FRAMES;
  }

  /** Brings the counter pages up to date. */
  refresh(memory: Memory): void {
    for (const { port, counters, tap } of this.plans) {
      const own = memory.doubles(counters);
      const device = this.count(port);
      own[END_COUNTER.tx_packets] = device.txPackets + device.txDropped;
      // A veth device drops for its peer's backlog, which the port counts; a tap has a queue of its own.
      own[END_COUNTER.tx_dropped] = tap === null ? 0 : device.txDropped;
      own[END_COUNTER.tx_to_wire] = own[END_COUNTER.tx_packets] - own[END_COUNTER.tx_dropped];
      const calls = tap === null ? null : memory.doubles(tap.counters);
      own[END_COUNTER.rx_refused] = calls === null ? 0 : calls[FILE.write_errors];
      own[END_COUNTER.rx_packets] = calls === null ? device.rxPackets : calls[FILE.writes];
      own[END_COUNTER.rx_to_programs] = own[END_COUNTER.rx_packets] - own[END_COUNTER.rx_refused];
      own[END_COUNTER.tx_bytes] = device.txBytes;
      own[END_COUNTER.rx_bytes] = device.rxBytes;
    }
  }

  /** Takes the addresses away, so that no program can send any more; what is under way still arrives. */
  stop(): void {
    for (const [port, namespace] of this.namespaces)
      namespace.within(() => namespace.configure([`address flush dev ${port}`]));
  }

  /** Empties the taps while no thread runs. @returns how many frames were in them. */
  settle(): number {
    return [...this.descriptors.values()].reduce((sum, descriptor) => sum + drain(descriptor), 0);
  }

  private release(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor);
    this.descriptors.clear();
    for (const namespace of this.namespaces.values()) namespace.close();
    this.namespaces.clear();
    this.remover.stdin?.end();
  }

  /** Closes everything. The names are gone then, and the namespaces with the last program in them. */
  async close(): Promise<void> {
    const gone = this.remover.exitCode === null ? once(this.remover, 'exit') : null;
    this.remover.ref();
    this.release();
    await gone;
  }
}

/** @throws KernelHostError where this user may not, or ip(8) is not there. */
function makeNamed(name: string): NetworkNamespace {
  try {
    runTool('ip', ['netns', 'add', name], '');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KernelHostError(
      `attach makes network namespaces with names, and could not (${why}): run it as root, in a container with ` +
        '--privileged',
    );
  }
  const namespace = new NetworkNamespace(`${NAMES_FOLDER}/${name}`);
  namespace.within(() => namespace.quieten());
  return namespace;
}

/** Removes the names that a killed run and its remover have left: none of its processes is there, and no device. */
export function removeStale(): void {
  if (!existsSync(NAMES_FOLDER)) return;
  for (const name of readdirSync(NAMES_FOLDER)) {
    const pid = OWN_NAME.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`) || !isEmpty(name)) continue;
    runTool('ip', ['netns', 'delete', name], '');
  }
}

/** A live run's namespace has a device in it, also where its processes are not to be seen from here. */
function isEmpty(name: string): boolean {
  try {
    const namespace = new NetworkNamespace(`${NAMES_FOLDER}/${name}`);
    const devices = [...parseDevices(namespace.readDevices()).keys()];
    namespace.close();
    return devices.every((device) => device === 'lo');
  } catch {
    // The name stands for nothing any more.
    return true;
  }
}
