/** The hardware side of the plan: for each port a generator, a NIC and a sink, and the rings its driver will see. */
import { GENERATOR_WIRE_PORT, generatorCounters } from '../../actors/traffic-generator.ts';
import type { GeneratorWireLink, StreamPacing } from '../../actors/traffic-generator.ts';
import { NIC_COUNTERS, NIC_HOST_PORT, NIC_WIRE_PORT } from '../../actors/nic-links.ts';
import type { FeedbackTimer, NicHostLink, NicRxQueueLink, NicWireLink } from '../../actors/nic-links.ts';
import { SINK_WIRE_PORT, sinkCounters } from '../../actors/traffic-sink.ts';
import type { SinkWireLink } from '../../actors/traffic-sink.ts';
import type { Region } from '../memory/arena.ts';
import type { SlotMemoryRef } from '../memory/frame-pool.ts';
import { reserveHistogram } from '../memory/histogram.ts';
import type { RingRef } from '../memory/id-ring.ts';
import { reserveInterruptLine } from '../memory/interrupt-line.ts';
import { reservePortMask } from '../memory/port-mask.ts';
import { parseCidr, parseEndpoint } from '../net/address.ts';
import { parseMac } from '../net/ethernet.ts';
import type { FlowSpec } from '../net/flow-templates.ts';
import type { ReplayStream } from '../net/replay-tag.ts';
import type { CheckPlan, SourcePlan } from '../runtime/plan.ts';
import type { DraftActor, DraftThread, PlanDraft } from './plan-draft.ts';
import { expectedAddresses } from './plan-addresses.ts';
import { hostNamed } from './plan-host.ts';
import type { HostDraft } from './plan-host.ts';
import { planReplays } from './plan-replay.ts';
import type { PortSpec, Scenario, StreamSpec } from './scenario.ts';
import { generatorName, queueName, sinkName } from './thread-names.ts';

/** Frames in flight on a wire; the receiver takes them at its next poll. */
const WIRE_CELLS = 512;
/** Room for what one pass puts on a ring between two actors of the same thread. */
const HANDOVER_FRAMES = 1024;
const FIRST_SOURCE_PORT = 1024;
/** The discard service, where RFC 2544 appendix C.2.4.1 sends its test frames, is 7 (echo); 9 discards. */
const DESTINATION_PORT = 9;
/** Hosts .1 to .9 of a wire's network are routers; stations begin here. */
const FIRST_STATION = 10;

/** One receive queue: its descriptor rings and vector, and the driver's frames on their way into the bridge. */
export interface RxQueueHardware extends Omit<NicRxQueueLink, 'level'> {
  /** Softirq CPU of its host that its vector interrupts. */
  readonly cpu: number;
  readonly toBridge: RingRef;
}

/** One port's rings as its driver and its bridge will be connected to them. */
export interface PortHardware {
  readonly spec: PortSpec;
  readonly nic: DraftActor;
  readonly rxQueues: readonly RxQueueHardware[];
  readonly tx: RingRef;
  readonly txDone: RingRef;
  /** Taps with feedback hold the port masked here. */
  readonly mask: Region;
  /** The thread that transmit rings are polled by, to wake it where it may sleep. */
  readonly nicDoorbell: Region;
  /** Connects the NIC to host memory once its place is known. */
  connect(slots: SlotMemoryRef, feedback: readonly FeedbackTimer[]): void;
}

export function planHardware(
  draft: PlanDraft,
  scenario: Scenario,
  hardwareThread: DraftThread,
  hosts: readonly HostDraft[],
): PortHardware[] {
  const generators = scenario.ports.map(({ name }) =>
    draft.actor(generatorName(name), 'generator', hardwareThread, 'hardware', ['wire']),
  );
  const nics = scenario.ports.map(({ name, host }) => {
    const buffers = ['wire', hostNamed(hosts, host).arena.name];
    return draft.actor(name, 'nic', hardwareThread, 'hardware', buffers);
  });
  const sinks = scenario.ports.map(({ name }) =>
    draft.actor(sinkName(name), 'sink', hardwareThread, 'hardware', ['wire']),
  );
  const replays = planReplays(draft, scenario, FIRST_STATION);
  const ports = scenario.ports.map((spec, i) =>
    planPort(draft, scenario, spec, {
      host: hostNamed(hosts, spec.host),
      generator: generators[i],
      nic: nics[i],
      sink: sinks[i],
      replays,
    }),
  );
  scenario.traffic.streams.forEach(({ name, from, to }) => {
    const index = scenario.traffic.streams.filter((stream) => stream.from === from).findIndex((s) => s.name === name);
    draft.streams.push({ name, from, to, generator: generatorName(from), index, sink: sinkName(to) });
  });
  return ports;
}

interface PortActors {
  readonly host: HostDraft;
  readonly generator: DraftActor;
  readonly nic: DraftActor;
  readonly sink: DraftActor;
  /** By stream; empty when the traffic is generated. */
  readonly replays: readonly ReplayStream[];
}

function planPort(draft: PlanDraft, scenario: Scenario, spec: PortSpec, actors: PortActors): PortHardware {
  const { host, generator, nic, sink, replays } = actors;
  const { name } = spec;
  const incoming = draft.wireOf(`${name}.wire-in`, WIRE_CELLS);
  const outgoing = draft.wireOf(`${name}.wire-out`, WIRE_CELLS);
  const throttle = draft.signals.reserve(8 * (1 + scenario.traffic.streams.length));
  const lateness = reserveHistogram(draft.metrics);
  const latency = reserveHistogram(draft.metrics);
  draft.ports.push({ name, generator: generator.name, throttle, lateness, sink: sink.name, latency });

  const leaving = scenario.traffic.streams.filter((stream) => stream.from === name);
  generator.spec = {
    kind: 'generator',
    config: {
      name: generator.name,
      counters: draft.count(generator, generatorCounters(leaving.map((stream) => stream.name))),
      lateness,
      throttle,
      speedBps: spec.speedBps,
      streams: leaving.map((stream) => pacingOf(scenario, stream)),
    },
    sources: leaving.map((stream) => sourceOf(scenario, stream, replays)),
  };
  generator.attachments.push({ port: GENERATOR_WIRE_PORT, link: { tx: incoming } satisfies GeneratorWireLink });

  const arriving = scenario.traffic.streams.filter((stream) => stream.to === name);
  const arrivingNames = arriving.map((stream) => stream.name);
  sink.spec = {
    kind: 'sink',
    config: { name: sink.name, counters: draft.count(sink, sinkCounters(arrivingNames)), latency },
    check: checkOf(scenario, arriving, replays),
  };
  sink.attachments.push({ port: SINK_WIRE_PORT, link: { rx: outgoing } satisfies SinkWireLink });

  nic.spec = {
    kind: 'nic',
    config: {
      name,
      counters: draft.count(nic, NIC_COUNTERS),
      speedBps: spec.speedBps,
      interruptGapNs: spec.interruptRate === 'unlimited' ? 0 : 1e9 / spec.interruptRate,
    },
  };
  nic.attachments.push({ port: NIC_WIRE_PORT, link: { rx: incoming, tx: outgoing } satisfies NicWireLink });

  const level = isMaskable(scenario, spec);
  const rings = {
    rxQueues: Array.from({ length: spec.rxQueues }, (_, q) => planRxQueue(draft, host, spec, q)),
    tx: draft.ring(host.arena, `${name}.tx`, spec.txRing, 'frames'),
    txDone: draft.ring(host.arena, `${name}.tx-done`, spec.txRing, 'buffers'),
  };
  return {
    spec,
    nic,
    ...rings,
    mask: reservePortMask(draft.signals),
    nicDoorbell: nic.thread.doorbell,
    connect: (slots, feedback) => {
      // The ring into the bridge is the driver's: the card is not to know it.
      const rxQueues = rings.rxQueues.map(({ free, done, interrupt, cpuDoorbell }): NicRxQueueLink => {
        return { free, done, interrupt, cpuDoorbell, level };
      });
      const link: NicHostLink = { slots, rxQueues, tx: rings.tx, txDone: rings.txDone, feedback };
      nic.attachments.push({ port: NIC_HOST_PORT, link });
    },
  };
}

/** Whether a tap with feedback stands behind the port. */
function isMaskable({ bridges, vms }: Scenario, { name }: PortSpec): boolean {
  const bridge = bridges.find(({ ports }) => ports.includes(name));
  return vms.some(({ nics }) => nics.some((nic) => nic.mode === 'vhost-feedback' && nic.bridge === bridge?.name));
}

/** Vectors go round the CPUs of the host from that of the port on, as drivers spread them (cpumask_local_spread). */
function planRxQueue(draft: PlanDraft, host: HostDraft, spec: PortSpec, index: number): RxQueueHardware {
  const cpu = (spec.cpu + index) % host.softirqs.length;
  const of = (ring: string): string => queueName(`${spec.name}.${ring}`, index);
  return {
    cpu,
    free: draft.ring(host.arena, of('rx-free'), spec.rxRing, 'buffers'),
    done: draft.ring(host.arena, of('rx'), spec.rxRing, 'frames'),
    interrupt: reserveInterruptLine(draft.signals),
    cpuDoorbell: host.softirqs[cpu].thread.doorbell,
    toBridge: draft.ring(host.arena, of('to-bridge'), HANDOVER_FRAMES, 'frames'),
  };
}

function pacingOf(scenario: Scenario, stream: StreamSpec): StreamPacing {
  const { pattern, burst, streams } = scenario.traffic;
  return { pattern, burst, seed: (scenario.seed * 1_000_003 + streams.indexOf(stream) * 7919 + 1) | 0 };
}

function sourceOf(scenario: Scenario, stream: StreamSpec, replays: readonly ReplayStream[]): SourcePlan {
  const { pcap, streams } = scenario.traffic;
  if (pcap !== 'none') return { kind: 'capture', path: pcap, stream: replays[streams.indexOf(stream)] };
  return { kind: 'generated', flows: flowsOf(scenario, stream), sizesBytes: stream.frameBytes };
}

/** Frames as a router's neighbour sends them: to the vNIC's address, from one wire's network to the other's. */
function flowsOf(scenario: Scenario, stream: StreamSpec): FlowSpec {
  const from = portOf(scenario, stream.from);
  const to = portOf(scenario, stream.to);
  const via = scenario.vms.flatMap(({ nics }) => nics).find(({ name }) => name === stream.via);
  if (via === undefined)
    throw new Error(`stream ${stream.name} is addressed to vNIC ${stream.via}, which is not there`);
  const station = { address: parseCidr(to.network).address + FIRST_STATION, port: DESTINATION_PORT };
  const destination = stream.destination === 'auto' ? station : parseEndpoint(stream.destination);
  return {
    dstMac: parseMac(via.mac),
    srcMac: parseMac(from.mac),
    srcAddress: parseCidr(from.network).address + FIRST_STATION,
    dstAddress: destination.address,
    srcPort: FIRST_SOURCE_PORT,
    dstPort: destination.port,
    ttl: stream.ttl,
    stream: scenario.traffic.streams.indexOf(stream),
    flowCount: stream.flows,
  };
}

function checkOf(scenario: Scenario, arriving: readonly StreamSpec[], replays: readonly ReplayStream[]): CheckPlan {
  const { pcap, streams } = scenario.traffic;
  if (pcap !== 'none') {
    return { kind: 'capture', path: pcap, streams: arriving.map((stream) => replays[streams.indexOf(stream)]) };
  }
  return {
    kind: 'generated',
    streams: arriving.map((stream) => ({
      stream: streams.indexOf(stream),
      flowCount: stream.flows,
      addresses: expectedAddresses(scenario, stream, flowsOf(scenario, stream)),
    })),
  };
}

function portOf(scenario: Scenario, name: string): PortSpec {
  const port = scenario.ports.find((each) => each.name === name);
  if (port === undefined) throw new Error(`no port ${name} in the scenario`);
  return port;
}
