/** The devices of a run, built in a namespace of its own, and the accounts that the kernel keeps of them. */
import { closeSync, readFileSync } from 'node:fs';
import { BRIDGE_COUNTER, PORT_COUNTER, TAP_COUNTER } from '../../../actors/kernel/devices.ts';
import { SOCKET_COUNTERS } from '../../../actors/kernel/packet-socket.ts';
import { TUN_FILE_COUNTERS } from '../../../actors/kernel/tun-file.ts';
import { indexCounters } from '../../../actors/actor.ts';
import type { Memory, Region } from '../../memory/arena.ts';
import { BacklogDrops } from './backlog-drops.ts';
import { drain } from './drain.ts';
import type { NamespaceEnds } from './ends.ts';
import type { KernelBridgePlan, KernelLayout, KernelPortPlan, KernelSocketPlan, KernelTapPlan } from './layout.ts';
import { wireEnd } from './layout.ts';
import { pollInThreads } from './polling-threads.ts';
import type { PollingThread } from './polling-threads.ts';
import { NetworkNamespace } from './namespace.ts';
import { NO_FRAMES, parseDevices } from './proc-net.ts';
import type { DeviceCount } from './proc-net.ts';

const SOCKET = indexCounters(SOCKET_COUNTERS);
const FILE = indexCounters(TUN_FILE_COUNTERS);
const NS_PER_CENTISECOND = 1e7;
/** Of the whole machine, whatever the namespace. */
const readSoftnet = (): string => readFileSync('/proc/net/softnet_stat', 'latin1');

/** Where the kernel's own work is to be done. */
export interface KernelCores {
  readonly host: readonly number[];
  readonly wire: number;
}

export class KernelNetwork {
  /** What was opened, by name. */
  readonly descriptors = new Map<string, number>();
  /** Why softirq could not be put on the modelled host's core; empty when it is there. */
  readonly steeringFault: string;
  /** Threads of the kernel's that poll the ports, where they are asked for. */
  readonly pollers: PollingThread[] = [];
  private readonly namespace = new NetworkNamespace();
  private readonly layout: KernelLayout;
  private readonly ends: NamespaceEnds | null;
  private readonly before: ReadonlyMap<string, DeviceCount>;
  private readonly backlogDrops: BacklogDrops;
  /** By port: frames that its socket dropped; and what was found in sockets and taps at stock-taking. */
  private readonly socketDrops = new Map<string, number>();
  private readonly found = new Map<string, number>();
  /** By port: what its outer end has counted, where that is in a namespace of programs. */
  private outer: ReadonlyMap<string, DeviceCount> = new Map();
  private settled = false;

  /**
   * @param ends where the outer ends of ports go; null where this program is at the wires itself.
   * @throws KernelHostError where the devices cannot be made; nothing is left of them then.
   */
  constructor(layout: KernelLayout, cores: KernelCores, ends: NamespaceEnds | null) {
    this.layout = layout;
    this.ends = ends;
    try {
      this.steeringFault = this.namespace.within(() => this.build(cores));
      for (const { name, socket } of this.ports)
        if (socket === null) this.ends!.take(name, wireEnd(name), this.namespace);
      this.before = parseDevices(this.namespace.readDevices());
      this.backlogDrops = new BacklogDrops([...cores.host, cores.wire], readSoftnet());
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private get ports(): KernelPortPlan[] {
    return this.layout.bridges.flatMap(({ ports }) => ports);
  }

  private get taps(): KernelTapPlan[] {
    return this.layout.bridges.flatMap(({ taps }) => taps);
  }

  private build(cores: KernelCores): string {
    const { namespace, layout } = this;
    namespace.quieten();
    for (const { name, file } of this.taps) this.descriptors.set(file.descriptor, namespace.calls.openTap(name));
    namespace.configure(layout.bridges.flatMap(bridgeCommands));
    const fault = namespace.tryWithSysfs(steeringScript(this.layout, cores));
    namespace.configure([...this.ports, ...this.taps, ...layout.bridges].flatMap(({ name }) => `link set ${name} up`));
    if (layout.threadedNapi) {
      const ports = this.ports.map(({ name }, i) => ({ port: name, core: hostCoreOf(cores, i) }));
      this.pollers.push(...pollInThreads(namespace, ports));
    }
    for (const { name, socket } of this.ports) {
      if (socket !== null) this.openSocket(wireEnd(name), socket);
    }
    return fault;
  }

  private openSocket(wire: string, { descriptor }: KernelSocketPlan): void {
    this.namespace.configure([`link set ${wire} up`]);
    this.descriptors.set(descriptor, this.namespace.calls.openPacketSocket(wire));
  }

  /** An eventfd that a thread sleeps on besides its taps. */
  openBell(thread: string): number {
    const bell = this.namespace.calls.openEvent();
    this.descriptors.set(`bell of ${thread}`, bell);
    return bell;
  }

  /** Brings the counter pages of ports, taps and bridges up to date. */
  refresh(memory: Memory): void {
    const now = parseDevices(this.namespace.readDevices());
    const grown = (name: string, counter: keyof DeviceCount): number =>
      (now.get(name) ?? NO_FRAMES)[counter] - (this.before.get(name) ?? NO_FRAMES)[counter];
    this.outer = new Map(
      this.ports.flatMap(({ name, socket }) => (socket === null ? [[name, this.ends!.count(name)]] : [])),
    );
    const dropped = this.ports.flatMap((port): [string, number][] => [
      [wireEnd(port.name), this.droppedAtWire(port, grown)],
      [port.name, grown(port.name, 'txDropped')],
    ]);
    this.backlogDrops.refresh(readSoftnet(), new Map(dropped));
    for (const bridge of this.layout.bridges) {
      for (const port of bridge.ports) this.refreshPort(memory, port, grown);
      for (const tap of bridge.taps) this.refreshTap(memory, tap, grown);
      this.refreshBridge(memory, bridge);
    }
  }

  /** A veth device counts as dropped what its peer did not take. */
  private droppedAtWire({ name, socket }: KernelPortPlan, grown: Growth): number {
    return socket === null ? this.outer.get(name)!.txDropped : grown(wireEnd(name), 'txDropped');
  }

  private refreshPort(memory: Memory, port: KernelPortPlan, grown: Growth): void {
    const { name, counters, socket } = port;
    const own = memory.doubles(counters);
    if (socket === null) this.readOuterEnd(name, own);
    else this.readSocket(memory, name, socket, own);
    const [rxDropped, txDropped] = [this.droppedAtWire(port, grown), grown(name, 'txDropped')];
    own[PORT_COUNTER.rx_backlog_dropped] = this.backlogDrops.of(wireEnd(name));
    own[PORT_COUNTER.rx_device_dropped] = rxDropped - own[PORT_COUNTER.rx_backlog_dropped];
    own[PORT_COUNTER.rx_to_bridge] = own[PORT_COUNTER.rx_packets] - own[PORT_COUNTER.rx_refused] - rxDropped;
    own[PORT_COUNTER.tx_backlog_dropped] = this.backlogDrops.of(name);
    own[PORT_COUNTER.tx_device_dropped] = txDropped - own[PORT_COUNTER.tx_backlog_dropped];
    own[PORT_COUNTER.tx_packets] = own[PORT_COUNTER.tx_to_wire] + own[PORT_COUNTER.tx_socket_dropped] + txDropped;
  }

  /** A veth device counts as sent what its peer took, and as received what its peer has sent. */
  private readOuterEnd(name: string, own: Float64Array): void {
    const { txPackets, txDropped, rxPackets } = this.outer.get(name)!;
    own[PORT_COUNTER.rx_packets] = txPackets + txDropped;
    own[PORT_COUNTER.tx_to_wire] = rxPackets;
  }

  private readSocket(
    memory: Memory,
    name: string,
    { descriptor, counters }: KernelSocketPlan,
    own: Float64Array,
  ): void {
    const calls = memory.doubles(counters);
    const { drops } = this.namespace.calls.packetStatistics(this.descriptors.get(descriptor)!);
    const socketDrops = (this.socketDrops.get(name) ?? 0) + drops;
    this.socketDrops.set(name, socketDrops);
    own[PORT_COUNTER.rx_packets] = calls[SOCKET.sent];
    own[PORT_COUNTER.rx_refused] = calls[SOCKET.send_refused];
    own[PORT_COUNTER.tx_to_wire] = calls[SOCKET.received] + (this.found.get(name) ?? 0);
    own[PORT_COUNTER.tx_socket_dropped] = socketDrops;
  }

  private refreshTap(memory: Memory, { name, counters, file }: KernelTapPlan, grown: Growth): void {
    const own = memory.doubles(counters);
    const calls = memory.doubles(file.counters);
    own[TAP_COUNTER.tx_read] = calls[FILE.reads] + (this.found.get(name) ?? 0);
    own[TAP_COUNTER.tx_dropped] = grown(name, 'txDropped');
    own[TAP_COUNTER.tx_packets] = own[TAP_COUNTER.tx_read] + own[TAP_COUNTER.tx_dropped];
    own[TAP_COUNTER.rx_packets] = calls[FILE.writes];
    own[TAP_COUNTER.rx_dropped] = calls[FILE.write_errors];
    own[TAP_COUNTER.rx_to_bridge] = calls[FILE.writes] - calls[FILE.write_errors];
  }

  /** What is missing behind a bridge is in the kernel's queues while frames move, and unexplained once none does. */
  private refreshBridge(memory: Memory, { counters, ports, taps }: KernelBridgePlan): void {
    const own = memory.doubles(counters);
    const sum = (pages: readonly { readonly counters: Region }[], index: number): number =>
      pages.reduce((total, page) => total + memory.doubles(page.counters)[index], 0);
    const entered = sum(ports, PORT_COUNTER.rx_to_bridge) + sum(taps, TAP_COUNTER.rx_to_bridge);
    const left = sum(ports, PORT_COUNTER.tx_packets) + sum(taps, TAP_COUNTER.tx_packets);
    own[BRIDGE_COUNTER.rx_packets] = entered;
    own[BRIDGE_COUNTER.tx_packets] = left;
    own[BRIDGE_COUNTER.unexplained] = this.settled ? Math.max(0, entered - left) : 0;
    own[BRIDGE_COUNTER.copies] = this.settled ? Math.max(0, left - entered) : 0;
  }

  /** Empties sockets and taps while no thread runs. @returns how many frames were in them. */
  settle(): number {
    this.settled = true;
    let total = 0;
    for (const [name, descriptor] of [
      ...this.ports.flatMap(({ name, socket }) => (socket === null ? [] : [[name, socket.descriptor] as const])),
      ...this.taps.map(({ name, file }) => [name, file.descriptor] as const),
    ]) {
      const frames = drain(this.descriptors.get(descriptor)!);
      this.found.set(name, (this.found.get(name) ?? 0) + frames);
      total += frames;
    }
    return total;
  }

  /** The next traffic begins: what is under way is not missing. */
  unsettle(): void {
    this.settled = false;
  }

  /** Closes everything. The namespace and its devices are gone then. */
  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor);
    this.descriptors.clear();
    this.namespace.close();
  }
}

type Growth = (name: string, counter: keyof DeviceCount) => number;

function bridgeCommands({ name, ageingNs, ports, taps }: KernelBridgePlan): string[] {
  const ageing = Math.round(ageingNs / NS_PER_CENTISECOND);
  return [
    `link add ${name} type bridge ageing_time ${ageing} stp_state 0 forward_delay 0 mcast_snooping 0`,
    ...ports.flatMap(({ name: port, mtuBytes }) => [
      `link add ${port} mtu ${mtuBytes} type veth peer name ${wireEnd(port)} mtu ${mtuBytes}`,
      `link set ${port} master ${name}`,
    ]),
    ...taps.flatMap(({ name: tap, mtuBytes, queueFrames }) => [
      `link set ${tap} mtu ${mtuBytes} txqueuelen ${queueFrames}`,
      `link set ${tap} master ${name}`,
    ]),
  ];
}

const hostCoreOf = ({ host }: KernelCores, port: number): number => host[port % host.length];

/**
 * Receive packet steering: what a port takes in is worked on by the host's CPU, what comes out of it by the wire's. A
 * thread that polls a port is on the host's CPU already.
 */
function steeringScript({ bridges, threadedNapi }: KernelLayout, cores: KernelCores): string {
  return bridges
    .flatMap(({ ports }) => ports)
    .flatMap(({ name }, i) => [
      ...(threadedNapi ? [] : [`echo ${cpuMask(hostCoreOf(cores, i))} > /sys/class/net/${name}/queues/rx-0/rps_cpus`]),
      `echo ${cpuMask(cores.wire)} > /sys/class/net/${wireEnd(name)}/queues/rx-0/rps_cpus`,
    ])
    .join('\n');
}

/** One CPU as a bitmap of 32-bit groups with commas between them (bitmap_parse, lib/bitmap-str.c). */
export function cpuMask(cpu: number): string {
  const group = (2 ** (cpu % 32)).toString(16);
  return [group, ...Array.from({ length: Math.floor(cpu / 32) }, () => '00000000')].join(',');
}
