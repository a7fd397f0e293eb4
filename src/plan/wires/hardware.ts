/** The hardware side of the plan: for each port a NIC, what is at the end of its wire, and the rings its driver sees. */
import { NIC_PORTS, nicCounters } from '../../../actors/wire/nic/nic-links.ts';
import type { FeedbackTimer, NicHostLink, NicRxQueueLink, NicWireLink } from '../../../actors/wire/nic/nic-links.ts';
import { reserveInterruptLine } from '../../kernel/interrupt-line.ts';
import { reservePortMask } from '../../kernel/port-mask.ts';
import { connect } from '../draft.ts';
import type { DraftActor, DraftThread, PlanDraft } from '../draft.ts';
import { planClient } from './clients.ts';
import { connectTapEnds, placeTapEnds } from './ends.ts';
import type { EndSpec } from '../../scenario/attach.ts';
import { hardwareVnicsOf } from '../backends/hardware-vnics.ts';
import { hostNamed } from '../host/host.ts';
import type { HostDraft, Parts, PortHardware, RxQueueHardware, VnicKernel } from '../parts.ts';
import { MODES } from '../../scenario/modes.ts';
import { HANDOVER_FRAMES } from '../../scenario/handover.ts';
import { frameBytesOfMtu } from '../../net/wire/ethernet.ts';
import { planStations } from './stations.ts';
import type { PortSpec, Scenario } from '../../scenario/scenario.ts';
import { clientName, generatorName, queueName, sinkName } from '../../scenario/names.ts';

/** Frames in flight on a wire; the receiver takes them at its next poll. */
export const WIRE_CELLS = 512;

/**
 * Places NICs and what is on their wires, connects these, and reserves the rings of each port in the memory of its
 * host. Hosts come before it; connectPort does the rest when all of a host is laid out.
 *
 * @param ends of wires where real programs are.
 */
export function planHardware(
  draft: PlanDraft,
  scenario: Scenario,
  hardwareThread: DraftThread,
  hosts: readonly HostDraft[],
  ends: readonly EndSpec[],
): PortHardware[] {
  const { ports } = scenario;
  const nicsLast = (): DraftActor[] =>
    ports.map(({ name, host }) => {
      const buffers = ['wire', hostNamed(hosts, host).arena.name];
      return draft.actor(name, 'nic', hardwareThread, 'hardware', buffers);
    });
  const { wires, between: nics } = planWiresAround(draft, scenario, hardwareThread, ends, nicsLast);
  return ports.map((spec, i) => {
    const parts = { host: hostNamed(hosts, spec.host), nic: nics[i], wire: wires.get(spec.name)! };
    return planPort(draft, scenario, spec, parts);
  });
}

/** Generators, clients and sinks with their wires, for ports that are none of the plan's. */
export function planStationsAndWires(
  draft: PlanDraft,
  scenario: Scenario,
  hardwareThread: DraftThread,
): ReadonlyMap<string, NicWireLink> {
  return planWiresAround(draft, scenario, hardwareThread, [], () => []).wires;
}

/** `between` places what is polled after the generators and before the sinks. */
function planWiresAround(
  draft: PlanDraft,
  scenario: Scenario,
  hardwareThread: DraftThread,
  ends: readonly EndSpec[],
  placeBetween: () => DraftActor[],
): { readonly wires: ReadonlyMap<string, NicWireLink>; readonly between: readonly DraftActor[] } {
  const { ports, traffic } = scenario;
  const isStation = ({ name, peer }: PortSpec): boolean =>
    peer === null && traffic.connections.every(({ port }) => port !== name) && ends.every(({ port }) => port !== name);
  const onWires = ports.filter(isStation);
  const clients = traffic.connections.map(({ port }) =>
    draft.actor(clientName(port), 'client', hardwareThread, 'hardware', ['wire']),
  );
  const generators = onWires.map(({ name }) =>
    draft.actor(generatorName(name), 'generator', hardwareThread, 'hardware', ['wire']),
  );
  const taps = placeTapEnds(draft, hardwareThread, ends);
  const between = placeBetween();
  const sinks = onWires.map(({ name }) => draft.actor(sinkName(name), 'sink', hardwareThread, 'hardware', ['wire']));
  const wires = planWires(draft, ports);
  const stations = onWires.map((spec, i) => ({ spec, generator: generators[i], sink: sinks[i] }));
  planStations(draft, scenario, stations, wires);
  connectTapEnds(draft, ends, taps, wires);
  traffic.connections.forEach((connections, i) =>
    planClient(draft, scenario, connections, clients[i], wires.get(connections.port)!),
  );
  return { wires, between };
}

/** Wires by port. What one end of a link sends is what comes in at the other. */
function planWires(draft: PlanDraft, ports: readonly PortSpec[]): Map<string, NicWireLink> {
  const incoming = new Map(ports.map(({ name }) => [name, draft.wireOf(`${name}.wire-in`, WIRE_CELLS)]));
  return new Map(
    ports.map(({ name, peer }): [string, NicWireLink] => {
      const tx = peer === null ? draft.wireOf(`${name}.wire-out`, WIRE_CELLS) : incoming.get(peer)!;
      return [name, { rx: incoming.get(name)!, tx }];
    }),
  );
}

interface PortParts {
  readonly host: HostDraft;
  readonly nic: DraftActor;
  readonly wire: NicWireLink;
}

function planPort(draft: PlanDraft, scenario: Scenario, spec: PortSpec, { host, nic, wire }: PortParts): PortHardware {
  const { name } = spec;
  nic.spec = {
    kind: 'nic',
    config: {
      name,
      counters: draft.count(nic, nicCounters(hardwareVnicsOf(scenario, name).length)),
      speedBps: spec.speedBps,
      frameBytesMax: frameBytesOfMtu(spec.mtuBytes),
      interruptGapNs: spec.interruptRate === 'unlimited' ? 0 : 1e9 / spec.interruptRate,
    },
  };
  connect(nic, NIC_PORTS.wire, wire);

  const rings = {
    rxQueues: Array.from({ length: spec.rxQueues }, (_, q) => planRxQueue(draft, host, spec, q)),
    tx: draft.ring(host.arena, `${name}.tx`, spec.txRing, 'frames'),
    txDone: draft.ring(host.arena, `${name}.tx-done`, spec.txRing, 'buffers'),
  };
  const mask = reservePortMask(draft.signals);
  return {
    spec,
    nic,
    ...rings,
    mask,
    nicDoorbell: nic.thread.doorbell,
    level: isMaskable(scenario, spec),
  };
}

/** Configures and connects nothing but the host's side of a port's NIC; all of the host is laid out before it. */
export function connectPort({ slots, domains }: Parts, port: PortHardware): void {
  const { nic, tx, txDone, mask, level } = port;
  // The ring into the bridge is the driver's: the card is not to know it.
  const rxQueues = port.rxQueues.map(({ free, done, interrupt, cpuDoorbell }): NicRxQueueLink => {
    return { free, done, interrupt, cpuDoorbell, level };
  });
  const feedback = domains.filter(({ ports }) => ports.includes(port)).flatMap(({ vnics }) => vnics.flatMap(timerOf));
  const link: NicHostLink = { slots, rxQueues, tx, txDone, mask: level ? mask : null, feedback };
  connect(nic, NIC_PORTS.host, link);
}

function timerOf({ nic, pairs }: VnicKernel): FeedbackTimer[] {
  const { timeoutNs } = nic.feedback;
  if (timeoutNs === 'none') return [];
  return pairs.flatMap(({ feedback }) =>
    feedback === null ? [] : [{ own: feedback.own, ports: feedback.ports, timeoutNs }],
  );
}

/** Whether a tap with feedback stands behind the port. */
function isMaskable({ bridges, vms }: Scenario, { name }: PortSpec): boolean {
  const bridge = bridges.find(({ ports }) => ports.includes(name));
  return vms.some(({ nics }) => nics.some((nic) => MODES[nic.mode].feedback && nic.bridge === bridge?.name));
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
