/** The stations on the wires: for each port that no link takes a generator and a sink, and the streams between them. */
import { GENERATOR_PORTS, generatorCounters, throttleBytes } from '../../../actors/wire/generator.ts';
import type { StreamPacing } from '../../../actors/wire/paced-stream.ts';
import type { NicWireLink } from '../../../actors/wire/nic/nic-links.ts';
import { SINK_PORTS, sinkCounters } from '../../../actors/wire/sink.ts';
import type { Region } from '../../memory/arena.ts';
import { reserveHistogram } from '../../memory/histogram.ts';
import { parseCidr, parseEndpoint } from '../../net/wire/address.ts';
import { parseMac } from '../../net/wire/ethernet.ts';
import type { FlowSpec } from '../../net/traffic/flow-templates.ts';
import type { ReplayStream } from '../../net/capture/replay-tag.ts';
import type { CheckPlan, SourcePlan } from '../../net/traffic/traffic-plan.ts';
import type { PortPlan } from '../../runtime/plan.ts';
import { expectedAddresses } from './addresses.ts';
import { connect } from '../draft.ts';
import type { DraftActor, PlanDraft } from '../draft.ts';
import { planReplays } from './replay.ts';
import { FIRST_STATION } from '../../scenario/attach.ts';
import type { PortSpec, Scenario, StreamSpec, VmSpec } from '../../scenario/scenario.ts';
import { generatorName, sinkName } from '../../scenario/names.ts';

const FIRST_SOURCE_PORT = 1024;
/** The discard service, where RFC 2544 appendix C.2.4.1 sends its test frames, is 7 (echo); 9 discards. */
const DESTINATION_PORT = 9;

/** One port's stations. */
export interface Stations {
  readonly spec: PortSpec;
  readonly generator: DraftActor;
  readonly sink: DraftActor;
}

/**
 * Configures generators and sinks, which were placed before, and connects them to their wires.
 *
 * @param wires of every port, as its NIC sees them.
 */
export function planStations(
  draft: PlanDraft,
  scenario: Scenario,
  stations: readonly Stations[],
  wires: ReadonlyMap<string, NicWireLink>,
): void {
  const { streams } = scenario.traffic;
  const replays = planReplays(draft, scenario, FIRST_STATION);
  const latencies = streams.map(() => reserveHistogram(draft.metrics));
  for (const { spec, generator, sink } of stations) {
    const { rx, tx } = wires.get(spec.name)!;
    const controls = planGenerator(draft, scenario, spec, generator, replays);
    connect(generator, GENERATOR_PORTS.wire, { tx: rx });
    draft.ports.push({ name: spec.name, generator: generator.name, sink: sink.name, ...controls });
    planSink(draft, scenario, spec, sink, latencies, replays);
    connect(sink, SINK_PORTS.wire, { rx: tx });
  }
  streams.forEach(({ name, from, to }, i) => {
    const index = streams.filter((stream) => stream.from === from).findIndex((stream) => stream.name === name);
    const ends = { from, to, generator: generatorName(from), index, sink: sinkName(to) };
    draft.streams.push({ name, ...ends, latency: latencies[i] });
  });
}

function planGenerator(
  draft: PlanDraft,
  scenario: Scenario,
  spec: PortSpec,
  generator: DraftActor,
  replays: readonly ReplayStream[],
): Pick<PortPlan, 'throttle' | 'lateness'> {
  const { streams } = scenario.traffic;
  const throttle = draft.signals.reserve(throttleBytes(streams.length));
  const lateness = reserveHistogram(draft.metrics);
  const leaving = streams.filter(({ from }) => from === spec.name);
  generator.spec = {
    kind: 'generator',
    config: {
      name: generator.name,
      counters: draft.count(generator, generatorCounters(leaving.map(({ name }) => name))),
      lateness,
      throttle,
      speedBps: spec.speedBps,
      streams: leaving.map((stream) => pacingOf(scenario, stream)),
      sources: leaving.map((stream) => sourceOf(scenario, stream, replays)),
    },
  };
  return { throttle, lateness };
}

/** @param latencies a histogram for each stream of the scenario. */
function planSink(
  draft: PlanDraft,
  scenario: Scenario,
  spec: PortSpec,
  sink: DraftActor,
  latencies: readonly Region[],
  replays: readonly ReplayStream[],
): void {
  const { streams } = scenario.traffic;
  const arriving = streams.filter(({ to }) => to === spec.name);
  sink.spec = {
    kind: 'sink',
    config: {
      name: sink.name,
      counters: draft.count(sink, sinkCounters(arriving.map(({ name }) => name))),
      station: parseMac(spec.mac),
      latencies: arriving.map((stream) => latencies[streams.indexOf(stream)]),
      check: checkOf(scenario, arriving, replays),
    },
  };
}

function pacingOf(scenario: Scenario, stream: StreamSpec): StreamPacing {
  const { pattern, burst, streams } = scenario.traffic;
  return { pattern, burst, seed: (scenario.seed * 1_000_003 + streams.indexOf(stream) * 7919 + 1) | 0 };
}

function sourceOf(scenario: Scenario, stream: StreamSpec, replays: readonly ReplayStream[]): SourcePlan {
  const { pcap, streams } = scenario.traffic;
  const { vlan, frameBytes: sizesBytes } = stream;
  if (pcap !== 'none') return { kind: 'capture', stream: replays[streams.indexOf(stream)], vlan };
  return { kind: 'generated', flows: flowsOf(scenario, stream), protocol: stream.protocol, sizesBytes, vlan };
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
  const vlans = arriving.map((stream) => vlansAtSink(scenario, stream));
  if (pcap !== 'none') {
    return { kind: 'capture', streams: arriving.map((stream) => replays[streams.indexOf(stream)]), vlans };
  }
  return {
    kind: 'generated',
    vlans,
    streams: arriving.map((stream) => ({
      stream: streams.indexOf(stream),
      flowCount: stream.flows,
      addresses: expectedAddresses(scenario, stream, flowsOf(scenario, stream)),
    })),
  };
}

/** VLANs of the vNICs that its frames may leave by: those of the VM it goes through, where that has any at the port. */
function vlansAtSink({ bridges, vms }: Scenario, { to, via }: StreamSpec): number[] {
  const bridge = bridges.find(({ ports }) => ports.includes(to))?.name;
  const through = vms.filter(({ nics }) => nics.some(({ name }) => name === via));
  const vlansOf = (machines: readonly VmSpec[]): number[] =>
    machines.flatMap(({ nics }) => nics.filter((nic) => nic.bridge === bridge).map(({ vlan }) => vlan));
  const own = vlansOf(through);
  return own.length > 0 ? own : vlansOf(vms);
}

function portOf(scenario: Scenario, name: string): PortSpec {
  const port = scenario.ports.find((each) => each.name === name);
  if (port === undefined) throw new Error(`no port ${name} in the scenario`);
  return port;
}
