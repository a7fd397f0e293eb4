/** Fills in what depends on other keys, in a scenario whose references are known to be sound. */
import { VLAN_NONE } from '../../net/wire/vlan.ts';
import { formatCidr, networkOf, parseCidr } from '../../net/wire/address.ts';
import { MTU_STANDARD_BYTES } from '../../net/wire/ethernet.ts';
import { COST_KEYS } from '../profiles/cost-profiles.ts';
import type { CostKey } from '../profiles/cost-profiles.ts';
import type { CostProfile } from '../profiles/profile-file.ts';
import { framesHeldAtOnce } from '../frames-held.ts';
import { KERNEL_PROFILES, netRxTimeNs, softirqTimeNs } from '../profiles/kernel-profiles.ts';
import type { KernelProfile } from '../profiles/kernel-profiles.ts';
import { completeNf } from './functions.ts';
import type { RouteSpec } from '../functions.ts';
import { completeConnections, completePlacement, completeRun } from './run.ts';
import type { ParsedScenario } from '../keys/schema.ts';
import type {
  BridgeSpec,
  HostSpec,
  PortSpec,
  ReplaySpec,
  Scenario,
  StreamSpec,
  VmSpec,
  VnicSpec,
} from '../scenario.ts';

const HIGH_MARK_SHARE = 0.9;
const LOW_MARK_SHARE = 0.25;
/** First address of 198.18.0.0/15, set aside for benchmarks: RFC 2544 appendix C.2.2, RFC 6890. */
const BENCHMARK_NETWORK = parseCidr('198.18.0.0/15').address;
const WIRE_NETWORK_ADDRESSES = 256;
type ParsedHost = NonNullable<ParsedScenario['hosts']>[number];
type ParsedPort = NonNullable<ParsedScenario['ports']>[number];
type ParsedVm = NonNullable<ParsedScenario['vms']>[number];
type ParsedNic = NonNullable<ParsedVm['nics']>[number];

/** What is replayed: the absolute path of a capture, or `-`, and what each stream gets of it; or none. */
export interface CaptureChoice {
  readonly path: string;
  readonly replay: ReplaySpec;
  /** In the order of the streams; empty without a capture. */
  readonly streams: readonly CapturedStream[];
}

/** What a stream replays. */
export interface CapturedStream {
  /** With FCS. */
  readonly meanFrameBytes: number;
  readonly capturedFps: number | null;
}

/** What of a scenario lies in files beside it. */
export interface FileChoices {
  readonly capture: CaptureChoice;
  /** The absolute path of a module that VM number `vm` names. */
  readonly modulePath: (vm: number, written: string) => string;
  /** The cost profile that host number `host` names. */
  readonly costProfile: (host: number) => CostProfile;
}

/** The scenario without its expectations and its sweep, which name what this completes. */
export function completeScenario(parsed: ParsedScenario, name: string, files: FileChoices): Scenario {
  const { capture, modulePath, costProfile } = files;
  const { traffic } = parsed;
  const parsedHosts = parsed.hosts ?? [];
  const ports = completePorts(parsed, parsedHosts);
  const bridges = (parsed.bridges ?? []).map(({ name, host, ports: members, ageing }): BridgeSpec => {
    const own = ports.filter((port) => members.includes(port.name));
    const names = own.map((port) => port.name);
    return {
      name,
      host: host ?? parsedHosts[0].name,
      cpu: own.length === 0 ? 0 : own[0].cpu,
      ports: members.filter((member) => names.includes(member)),
      taps: members.filter((member) => !names.includes(member)),
      ageingNs: ageing,
    };
  });
  const vms = completeVms(parsed.vms ?? [], { hosts: parsedHosts, ports, bridges }, modulePath);
  const hosts = parsedHosts.map((host, i) =>
    completeHost(host, costProfile(i), framesHeldAtOnce(host.name, ports, vms)),
  );
  return {
    name: parsed.name ?? name,
    description: parsed.description.trim(),
    seed: parsed.seed,
    virtual: { hardwarePollNs: parsed.virtual.hardwarePoll, hardwareIdlePollNs: parsed.virtual.hardwareIdlePoll },
    hosts,
    ports,
    bridges,
    vms,
    traffic: {
      rate: traffic.rate,
      pattern: traffic.pattern,
      burst: traffic.burst,
      pcap: capture.path,
      replay: capture.replay,
      streams: (traffic.streams ?? []).map((stream, i): StreamSpec => {
        const captured = capture.streams.at(i);
        const via = stream.via ?? entryOf(stream.from, stream.to, bridges, vms);
        return {
          name: stream.name ?? `${stream.from}-to-${stream.to}`,
          from: stream.from,
          to: stream.to,
          destination: stream.destination,
          via,
          vlan: vms.flatMap(({ nics }) => nics).find(({ name }) => name === via)?.vlan ?? VLAN_NONE,
          rate: stream.rate ?? 'shared',
          frameBytes: captured === undefined ? (stream.frameSize ?? traffic.frameSize) : [captured.meanFrameBytes],
          protocol: stream.protocol ?? traffic.protocol,
          flows: stream.flows ?? traffic.flows,
          ttl: stream.ttl,
          capturedFps: captured?.capturedFps ?? null,
        };
      }),
      connections: traffic.connections.map(completeConnections),
    },
    placement: completePlacement(parsed.placement),
    run: completeRun(parsed),
    expect: [],
    sweep: { modes: [], variants: [], expect: [] },
  };
}

function completeHost(host: ParsedHost, profile: CostProfile, framesAtOnce: number): HostSpec {
  const { softirq, scheduler, costs } = host;
  const kernel = KERNEL_PROFILES[host.kernel];
  const changed: Partial<Record<CostKey, number | undefined>> = typeof costs === 'string' ? {} : costs;
  const costOf = (key: CostKey): number => changed[key] ?? profile.table[key];
  return {
    name: host.name,
    softirqCpus: host.softirqCpus,
    kernel: host.kernel,
    hz: host.hz,
    threadedNapi: host.threadedNapi,
    tunReceive: host.tunReceive === 'auto' ? kernel.tunReceive : host.tunReceive,
    softirq: {
      weight: softirq.weight,
      budget: softirq.budget,
      budgetTimeNs: softirq.budgetTime === 'auto' ? netRxTimeNs(host.hz) : softirq.budgetTime,
      maxRestart: softirq.maxRestart,
      maxTimeNs: softirq.maxTime === 'auto' ? softirqTimeNs(host.hz) : softirq.maxTime,
      repollList: softirq.repollList === 'auto' ? kernel.repollList : softirq.repollList,
      ksoftirqdGuard: softirq.ksoftirqdGuard === 'auto' ? kernel.ksoftirqdGuard : softirq.ksoftirqdGuard,
      backlogFrames: softirq.backlog,
    },
    scheduler: {
      sliceNs: scheduler.slice,
      wakeupGranularityNs: scheduler.wakeupGranularity,
      wakeupCreditNs: scheduler.wakeupCredit,
      switchNs: scheduler.switch,
      wakeLocalNs: scheduler.wakeLocal,
      wakeRemoteNs: scheduler.wakeRemote,
    },
    costs: {
      inherit: profile.name,
      table: Object.fromEntries(COST_KEYS.map((key) => [key, costOf(key)])) as Record<CostKey, number>,
    },
    poolFrames: host.poolFrames === 'auto' ? framesAtOnce : host.poolFrames,
  };
}

/** Interrupts go round the CPUs of a host in the order of its ports, as irqbalance spreads them. */
function completePorts({ ports = [], links }: ParsedScenario, hosts: readonly ParsedHost[]): PortSpec[] {
  const taken = new Map<string, number>();
  return ports.map((port, index) => {
    const link = links.find(({ from, to }) => from === port.name || to === port.name);
    const peer = link === undefined ? null : link.from === port.name ? link.to : link.from;
    // The two ends of a link are on one network: that of the port it is from.
    const onNetworkOf = link === undefined ? index : ports.findIndex(({ name }) => name === link.from);
    const host = hosts.find(({ name }) => name === port.host) ?? hosts[0];
    const turn = taken.get(host.name) ?? 0;
    taken.set(host.name, turn + 1);
    const cpu = port.cpu === 'auto' ? turn % host.softirqCpus : port.cpu;
    return { ...completePort(port, index, onNetworkOf), host: host.name, cpu, peer };
  });
}

function completePort(port: ParsedPort, index: number, network: number): Omit<PortSpec, 'host' | 'cpu' | 'peer'> {
  const auto = { address: BENCHMARK_NETWORK + network * WIRE_NETWORK_ADDRESSES, prefixLength: 24 };
  return {
    name: port.name,
    speedBps: port.speed,
    mtuBytes: port.mtu,
    rxRing: port.rxRing,
    txRing: port.txRing,
    rxQueues: port.rxQueues,
    interruptRate: port.interruptRate,
    mac: port.mac === 'auto' ? `02:00:00:00:00:${hexByte(index + 1)}` : port.mac,
    network: port.network === 'auto' ? formatCidr(auto) : port.network,
  };
}

interface HostParts {
  readonly hosts: readonly ParsedHost[];
  readonly ports: readonly PortSpec[];
  readonly bridges: readonly BridgeSpec[];
}

function completeVms(vms: readonly ParsedVm[], host: HostParts, modulePath: FileChoices['modulePath']): VmSpec[] {
  const nicsOf = completeNics(vms, host);
  return vms.map((vm, v) => {
    const nics = nicsOf[v];
    const stationMac = (nic: string) =>
      stationOf(
        nics.find(({ name }) => name === nic),
        host,
      )?.mac ?? '';
    const others = nicsOf.filter((each) => each !== nics).flat();
    const connected = connectedRoutes(nics, others, host);
    return {
      name: vm.name,
      host: homeOf(vm, host).name,
      present: vm.present,
      drainNs: vm.drainTime,
      vcpus: vm.vcpus,
      memoryBytes: vm.memory,
      nics,
      nf: completeNf(vm.nf, { nics, connected, stationMac, modulePath: (written) => modulePath(v, written) }),
    };
  });
}

/** The vNICs of each VM. */
function completeNics(vms: readonly ParsedVm[], host: HostParts): VnicSpec[][] {
  const nicsOnNetwork = new Map<string, number>();
  return vms.map((vm, v) =>
    (vm.nics ?? []).map((nic, n): VnicSpec => {
      const tapOf = host.bridges.find(({ taps }) => taps.includes(nic.tap.name ?? ''));
      const bridge = tapOf?.name ?? '';
      const network = portsOf(bridge, host)[0]?.network ?? bridge;
      const position = nicsOnNetwork.get(network) ?? 0;
      nicsOnNetwork.set(network, position + 1);
      return {
        ...completeQueues(nic, KERNEL_PROFILES[homeOf(vm, host).kernel], tapOf?.cpu ?? 0),
        name: nic.name,
        mode: nic.mode,
        mtuBytes: nic.mtu === 'auto' ? mtuOnBridge(bridge, host) : nic.mtu,
        mac: nic.mac === 'auto' ? `52:54:00:00:${hexByte(v)}:${hexByte(n + 1)}` : nic.mac,
        vlan: nic.vlan === 'none' ? VLAN_NONE : nic.vlan,
        ip: nic.ip === 'auto' ? hostAddress(portsOf(bridge, host)[0], position) : nic.ip,
        vcpu: nic.vcpu === 'auto' ? (nic.queues === 1 ? n % vm.vcpus : 0) : nic.vcpu,
        bridge,
      };
    }),
  );
}

function mtuOnBridge(bridge: string, host: HostParts): number {
  const mtus = portsOf(bridge, host).map(({ mtuBytes }) => mtuBytes);
  return mtus.length === 0 ? MTU_STANDARD_BYTES : Math.max(...mtus);
}

function homeOf({ host }: ParsedVm, { hosts }: HostParts): ParsedHost {
  return hosts.find(({ name }) => name === host) ?? hosts[0];
}

/** The port on whose wire the station beside a vNIC is. */
function stationOf(nic: VnicSpec | undefined, host: HostParts): PortSpec | undefined {
  return portsOf(nic?.bridge ?? '', host).find(({ peer }) => peer === null);
}

function completeQueues(nic: ParsedNic, kernel: KernelProfile, bridgeCpu: number) {
  const { tap, vhost, qemu, feedback } = nic;
  const tapQueueFrames = tap.queue === 'auto' ? kernel.tapQueueFrames : tap.queue;
  const sharers = kernel.tapQueueShared ? nic.queues : 1;
  const queueFrames = Math.max(1, Math.floor(tapQueueFrames / sharers));
  const highMark = feedback.highMark === 'auto' ? Math.ceil(queueFrames * HIGH_MARK_SHARE) : feedback.highMark;
  return {
    queueSize: nic.queueSize,
    txQueueFrames: nic.txQueueLen,
    queues: nic.queues,
    tap: { name: tap.name ?? '', queueFrames },
    vhost: {
      cpu: vhost.cpu === 'auto' ? bridgeCpu : vhost.cpu,
      byteWeight: vhost.byteWeight,
      packetWeight: vhost.packetWeight === 'auto' ? kernel.vhostPacketWeight : vhost.packetWeight,
      batch: vhost.batch === 'auto' ? kernel.vhostBatch : vhost.batch,
      busyLoopNs: vhost.busyLoop,
    },
    qemu: { rxBurst: qemu.rxBurst === 'auto' ? kernel.qemuRxBurst : qemu.rxBurst, txBurst: qemu.txBurst },
    feedback: {
      highMark,
      lowMark: feedback.lowMark === 'auto' ? Math.floor(queueFrames * LOW_MARK_SHARE) : feedback.lowMark,
      timeoutNs: feedback.timeout,
    },
    acceleration: {
      provider: nic.acceleration.provider,
      depletionEntry: share(nic.acceleration.depletionEntry, nic.queueSize / 8),
      depletionExit: share(nic.acceleration.depletionExit, nic.queueSize / 4),
    },
    features: nic.features,
  };
}

function share(asked: number | 'auto', auto: number): number {
  return asked === 'auto' ? Math.floor(auto) : asked;
}

/**
 * The network behind every port, and every other VM in the same VLAN, that a vNIC shares a bridge with, or two bridges
 * and the link between them; where two vNICs do, the first.
 */
function connectedRoutes(nics: readonly VnicSpec[], others: readonly VnicSpec[], host: HostParts): RouteSpec[] {
  const networks = host.ports.flatMap((port) => {
    const nic = nics.find(({ bridge }) => portsOf(bridge, host).includes(port));
    return nic === undefined || port.peer !== null
      ? []
      : [{ prefix: port.network, nic: nic.name, gatewayMac: port.mac }];
  });
  const neighbours = others.flatMap(({ bridge, ip, mac, vlan }) => {
    const nic = nics.find(
      (each) => each.vlan === vlan && (each.bridge === bridge || areLinked(each.bridge, bridge, host)),
    );
    return nic === undefined ? [] : [{ prefix: hostPrefix(ip), nic: nic.name, gatewayMac: mac }];
  });
  return [...networks, ...neighbours];
}

function areLinked(a: string, b: string, host: HostParts): boolean {
  const far = portsOf(b, host).map(({ name }) => name);
  return portsOf(a, host).some(({ peer }) => peer !== null && far.includes(peer));
}

function hostPrefix(cidr: string): string {
  return formatCidr({ ...parseCidr(cidr), prefixLength: 32 });
}

function portsOf(bridge: string, { bridges, ports }: HostParts): PortSpec[] {
  const members = bridges.find(({ name }) => name === bridge)?.ports ?? [];
  return ports.filter(({ name }) => members.includes(name));
}

/** Routers come before the stations of a wire's network, which begin at .10, and then after them. */
const ROUTERS_BEFORE_STATIONS = 9;
const FIRST_ROUTER_AFTER_STATIONS = 128;

/** Address of router number `position` in the port's network; `0.0.0.0/0` on a bridge without a port. */
function hostAddress(port: PortSpec | undefined, position: number): string {
  if (port === undefined) return '0.0.0.0/0';
  const network = parseCidr(port.network);
  const after = position - ROUTERS_BEFORE_STATIONS;
  const host = after < 0 ? 1 + position : FIRST_ROUTER_AFTER_STATIONS + after;
  return formatCidr({ address: networkOf(network) + host, prefixLength: network.prefixLength });
}

/** The vNIC a stream enters by where only one is possible, otherwise nothing. */
function entryOf(from: string, to: string, bridges: readonly BridgeSpec[], vms: readonly VmSpec[]): string {
  const onBridgeOf = (port: string, nic: VnicSpec) =>
    bridges.some(({ name, ports }) => name === nic.bridge && ports.includes(port));
  const entries = vms
    .filter(({ nics }) => nics.some((nic) => onBridgeOf(to, nic)))
    .flatMap(({ nics }) => nics.filter((nic) => onBridgeOf(from, nic)));
  return entries.length === 1 ? entries[0].name : '';
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
