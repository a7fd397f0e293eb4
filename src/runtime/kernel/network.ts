/** The devices of a run, built in a namespace of its own, and the accounts that the kernel keeps of them. */
import { closeSync, readFileSync, readSync } from 'node:fs';
import { BRIDGE_COUNTER, PORT_COUNTER, TAP_COUNTER } from '../../../actors/kernel/devices.ts';
import { SOCKET_COUNTERS } from '../../../actors/kernel/packet-socket.ts';
import { TUN_FILE_COUNTERS } from '../../../actors/kernel/tun-file.ts';
import { indexCounters } from '../../../actors/actor.ts';
import type { Memory, Region } from '../../memory/arena.ts';
import { BacklogDrops } from './backlog-drops.ts';
import type { KernelBridgePlan, KernelLayout, KernelPortPlan, KernelTapPlan } from './layout.ts';
import { wireEnd } from './layout.ts';
import { NetworkNamespace } from './namespace.ts';
import { parseDevices } from './proc-net.ts';
import type { DeviceCount } from './proc-net.ts';

const SOCKET = indexCounters(SOCKET_COUNTERS);
const FILE = indexCounters(TUN_FILE_COUNTERS);
const NS_PER_CENTISECOND = 1e7;
const FRAME_BYTES_MAX = 1 << 16;
/** Of the whole machine, whatever the namespace. */
const readSoftnet = (): string => readFileSync('/proc/net/softnet_stat', 'latin1');
const NONE: DeviceCount = { rxPackets: 0, rxDropped: 0, txPackets: 0, txDropped: 0 };

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
  private readonly namespace = new NetworkNamespace();
  private readonly layout: KernelLayout;
  private readonly before: ReadonlyMap<string, DeviceCount>;
  private readonly backlogDrops: BacklogDrops;
  /** By port: frames that its socket dropped; and what was found in sockets and taps at stock-taking. */
  private readonly socketDrops = new Map<string, number>();
  private readonly found = new Map<string, number>();
  private settled = false;

  /** @throws KernelHostError where the devices cannot be made; nothing is left of them then. */
  constructor(layout: KernelLayout, cores: KernelCores) {
    this.layout = layout;
    try {
      this.steeringFault = this.namespace.within(() => this.build(cores));
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
    const fault = namespace.tryWithSysfs(steeringScript(this.ports, cores));
    namespace.configure([...this.ports, ...this.taps, ...layout.bridges].flatMap(({ name }) => `link set ${name} up`));
    namespace.configure(this.ports.map(({ name }) => `link set ${wireEnd(name)} up`));
    for (const { name, socket } of this.ports)
      this.descriptors.set(socket.descriptor, namespace.calls.openPacketSocket(wireEnd(name)));
    return fault;
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
      (now.get(name) ?? NONE)[counter] - (this.before.get(name) ?? NONE)[counter];
    const ends = this.ports.flatMap(({ name }) => [wireEnd(name), name]);
    this.backlogDrops.refresh(readSoftnet(), new Map(ends.map((name) => [name, grown(name, 'txDropped')])));
    for (const bridge of this.layout.bridges) {
      for (const port of bridge.ports) this.refreshPort(memory, port, grown);
      for (const tap of bridge.taps) this.refreshTap(memory, tap, grown);
      this.refreshBridge(memory, bridge);
    }
  }

  private refreshPort(memory: Memory, { name, counters, socket }: KernelPortPlan, grown: Growth): void {
    const own = memory.doubles(counters);
    const calls = memory.doubles(socket.counters);
    const { drops } = this.namespace.calls.packetStatistics(this.descriptors.get(socket.descriptor)!);
    const socketDrops = (this.socketDrops.get(name) ?? 0) + drops;
    this.socketDrops.set(name, socketDrops);
    own[PORT_COUNTER.rx_packets] = calls[SOCKET.sent];
    own[PORT_COUNTER.rx_refused] = calls[SOCKET.send_refused];
    const [rxDropped, txDropped] = [grown(wireEnd(name), 'txDropped'), grown(name, 'txDropped')];
    own[PORT_COUNTER.rx_backlog_dropped] = this.backlogDrops.of(wireEnd(name));
    own[PORT_COUNTER.rx_device_dropped] = rxDropped - own[PORT_COUNTER.rx_backlog_dropped];
    own[PORT_COUNTER.rx_to_bridge] = calls[SOCKET.sent] - calls[SOCKET.send_refused] - rxDropped;
    own[PORT_COUNTER.tx_to_wire] = calls[SOCKET.received] + (this.found.get(name) ?? 0);
    own[PORT_COUNTER.tx_socket_dropped] = socketDrops;
    own[PORT_COUNTER.tx_backlog_dropped] = this.backlogDrops.of(name);
    own[PORT_COUNTER.tx_device_dropped] = txDropped - own[PORT_COUNTER.tx_backlog_dropped];
    own[PORT_COUNTER.tx_packets] = own[PORT_COUNTER.tx_to_wire] + socketDrops + txDropped;
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
    const buffer = Buffer.alloc(FRAME_BYTES_MAX);
    let total = 0;
    for (const [name, descriptor] of [
      ...this.ports.map(({ name, socket }) => [name, socket.descriptor] as const),
      ...this.taps.map(({ name, file }) => [name, file.descriptor] as const),
    ]) {
      const frames = drain(this.descriptors.get(descriptor)!, buffer);
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

function drain(descriptor: number, buffer: Buffer): number {
  for (let frames = 0; ; frames++) {
    try {
      readSync(descriptor, buffer, 0, buffer.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return frames;
      throw error;
    }
  }
}

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

/** Receive packet steering: what a port takes in is worked on by the host's CPU, what comes out of it by the wire's. */
function steeringScript(ports: readonly KernelPortPlan[], { host, wire }: KernelCores): string {
  return ports
    .flatMap(({ name }, i) => [
      `echo ${cpuMask(host[i % host.length])} > /sys/class/net/${name}/queues/rx-0/rps_cpus`,
      `echo ${cpuMask(wire)} > /sys/class/net/${wireEnd(name)}/queues/rx-0/rps_cpus`,
    ])
    .join('\n');
}

/** One CPU as a bitmap of 32-bit groups with commas between them (bitmap_parse, lib/bitmap-str.c). */
export function cpuMask(cpu: number): string {
  const group = (2 ** (cpu % 32)).toString(16);
  return [group, ...Array.from({ length: Math.floor(cpu / 32) }, () => '00000000')].join(',');
}
