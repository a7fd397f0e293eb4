/**
 * A plan as a graph: who hands frames to whom, through what, and on which threads and cores. Derived from the memory
 * that the links of two actors share, so that a picture of it shows what a run would do and nothing else.
 */
import { VCPU_PORTS, receives } from '../../../actors/guest/vcpu-links.ts';
import { NIC_PORTS } from '../../../actors/wire/nic/nic-links.ts';
import type { Region } from '../../memory/arena.ts';
import { placeOf } from '../../../actors/registry.ts';
import { keyOf, planLanes } from '../../metrics/derive/lanes.ts';
import type { Place } from '../../../actors/registry.ts';
import type { ThreadKind } from '../../runtime/os/core-plan.ts';
import { jointsAt } from '../../runtime/plan.ts';
import type { ActorPlan, Attachment, Plan } from '../../runtime/plan.ts';
import { VIRTUAL_HOST_DEFAULTS } from '../../runtime/virtual/virtual-options.ts';
import { placeVirtually } from '../../runtime/virtual/virtual-placement.ts';

export interface GraphActor {
  readonly name: string;
  readonly place: Place;
}

export interface GraphThread {
  readonly name: string;
  readonly kind: ThreadKind;
  readonly actors: readonly GraphActor[];
}

/** A core, and what of one host runs there: several hosts may share a core. */
export interface GraphCore {
  readonly core: number;
  /** Null where there is one host, and for the hardware of all. */
  readonly host: string | null;
  readonly threads: readonly GraphThread[];
}

/** From one actor to another: frames, or what the control path exchanges. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** What lies between them: `queue 500`, with the most it may hold; `link 512`; `rx virtqueue`; `vhost ioctls`. */
  readonly label: string;
  readonly carries: 'frames' | 'control';
}

export interface PlanGraph {
  /** Those of a host follow each other. */
  readonly cores: readonly GraphCore[];
  readonly edges: readonly GraphEdge[];
}

/** A region that an actor's link names, and the key it is named by. */
interface Named {
  readonly actor: ActorPlan;
  readonly key: string;
  readonly region: Region;
  /** The joint whose link it is part of. */
  readonly joint: Attachment;
}

/** Keys by which an actor only looks how full somebody else's ring is. */
const GAUGES = ['txUncleaned'];

/** @param cpus cores to place threads on, as the virtual host does; more where the scenario names cores beyond. */
export function planGraph(plan: Plan, cpus: number): PlanGraph {
  const roles = placeVirtually(plan, { ...VIRTUAL_HOST_DEFAULTS, cpus });
  const hosts = [...new Set(plan.threads.map(({ host }) => host))];
  const cpusOf = (host: string | null): number[] =>
    [...new Set(roles.filter((_, i) => plan.threads[i].host === host).map(({ cpu }) => cpu))].sort((a, b) => a - b);
  const graphThreads = plan.threads.map(({ name, kind, actors }): GraphThread => ({
    name,
    kind,
    actors: actors.map((actor) => ({ name: actor.name, place: placeOf(actor.spec) })),
  }));
  const meetings = meetingsOf(plan);
  return {
    cores: hosts.flatMap((host) =>
      cpusOf(host).map((core) => ({
        core,
        host,
        threads: graphThreads.filter((_, i) => roles[i].cpu === core && plan.threads[i].host === host),
      })),
    ),
    edges: withoutRepeats([...ringEdges(plan, meetings), ...meetings.flatMap(memoryEdges), ...vringEdges(plan)]),
  };
}

/** By region: everybody whose links name it; regions that only one actor knows are left out. */
function meetingsOf(plan: Plan): Named[][] {
  const byRegion = new Map<string, Named[]>();
  for (const actor of plan.threads.flatMap(({ actors }) => actors)) {
    for (const joint of actor.attachments) {
      for (const { key, region } of regionsIn(joint.link, '')) {
        const there = byRegion.get(keyOf(region)) ?? [];
        there.push({ actor, key, region, joint });
        byRegion.set(keyOf(region), there);
      }
    }
  }
  return [...byRegion.values()].filter((there) => there.some(({ actor }) => actor !== there[0].actor));
}

/** Every region within a link, with the nearest key that says what it is for. */
function regionsIn(value: unknown, key: string): { key: string; region: Region }[] {
  if (typeof value !== 'object' || value === null) return [];
  if (isRegion(value)) return [{ key, region: value }];
  if (Array.isArray(value)) return value.flatMap((each: unknown) => regionsIn(each, key));
  return Object.entries(value).flatMap(([name, each]) => regionsIn(each, name === 'region' ? key : name));
}

function isRegion(value: object): value is Region {
  return 'buffer' in value && 'offsetBytes' in value && 'bytes' in value;
}

/** Rings and wires: from those who hold an end of one to the lane that reads it. */
function ringEdges(plan: Plan, meetings: readonly Named[][]): GraphEdge[] {
  const places = [
    ...plan.rings.map(({ name, ring }) => ({ name, ring })),
    ...plan.wires.map(({ name, wire }) => ({ name, ring: wire })),
  ];
  return planLanes(plan).flatMap(({ actor: reader, place, inputs }) =>
    inputs.flatMap(({ name, limit }) => {
      const key = keyOf(places.find((place) => place.name === name)!.ring.region);
      const ring = name.slice(name.indexOf('.') + 1);
      const holders = meetings.find(([{ region }]) => keyOf(region) === key) ?? [];
      return holders
        .filter(({ actor, key: by }) => actor.name !== reader && !GAUGES.includes(by))
        .map(({ actor }): GraphEdge => ({
          from: actor.name,
          to: reader,
          label: `${place === 'nic' && placeOf(actor.spec) === 'nic' ? 'link' : ring} ${limit}`,
          carries: 'frames',
        }));
    }),
  );
}

/** What two actors share besides rings: a guest's kicks, mailboxes of the control path, queues in the hardware. */
function memoryEdges(there: readonly Named[]): GraphEdge[] {
  const holds = (place: Place): Named[] => there.filter(({ actor }) => placeOf(actor.spec) === place);
  const { buffer } = there[0].region;
  const [vhosts, vcpus, vmms, nics] = [holds('vhost'), holds('guest'), holds('vmm'), holds('nic')];
  if (there.some(({ key }) => key === 'kicks')) {
    return [...vhosts, ...vmms].flatMap((backend) =>
      vcpus.flatMap((vcpu) => [
        ...(takesFrames(vcpu) ? [frames(backend, vcpu, 'rx virtqueue')] : []),
        frames(vcpu, backend, 'tx virtqueue'),
      ]),
    );
  }
  if (there.some(({ key }) => key === 'traps')) {
    return vmms.flatMap((device) =>
      vcpus.flatMap((vcpu) => [
        ...(takesFrames(vcpu) ? [frames(device, vcpu, 'rx descriptors')] : []),
        frames(vcpu, device, 'tx descriptors'),
        control(vcpu, device, 'e1000 registers'),
      ]),
    );
  }
  if (buffer.startsWith('vmm:')) {
    return vmms.flatMap((vmm) => [
      ...vhosts.map((vhost) => control(vmm, vhost, 'vhost ioctls')),
      ...vcpus.map((vcpu) => control(vcpu, vmm, 'virtio-pci registers')),
    ]);
  }
  if (nics.length === 0 || !buffer.startsWith('host')) return [];
  return nics.flatMap((nic) =>
    vhosts.flatMap((vhost) =>
      vhost.actor.spec.kind === 'vhost-control'
        ? [control(vhost, nic, 'vring addresses')]
        : [frames(nic, vhost, 'vNIC RX queue'), frames(vhost, nic, 'vNIC TX queue')],
    ),
  );
}

/** Whether a vCPU takes frames from the vNIC at which it meets others. */
function takesFrames({ actor, joint }: Named): boolean {
  return jointsAt({ ...actor, attachments: [joint] }, VCPU_PORTS.nic).some(({ link }) => receives(link));
}

/** A vNIC in mode direct: its NIC serves the vrings themselves, and the two know each other by guest and
 * address only. */
function vringEdges(plan: Plan): GraphEdge[] {
  const vnics = plan.threads
    .flatMap(({ actors }) => actors)
    .flatMap((nic) => jointsAt(nic, NIC_PORTS.vnic).map(({ link: vnic }) => ({ nic, vnic })))
    .filter(({ vnic }) => vnic.pairs.some(({ queues }) => queues.kind === 'direct'));
  const guests = plan.threads.flatMap(({ vm, actors }) =>
    actors.flatMap((vcpu) => jointsAt(vcpu, VCPU_PORTS.nic).map(({ link: port }) => ({ vm, vcpu, port }))),
  );
  return vnics.flatMap(({ nic, vnic }) =>
    guests
      .filter(({ vm }) => vnic.guestMemory === `guest:${vm}`)
      .filter(({ port }) => port.macHigh === vnic.macHigh && port.macLow === vnic.macLow)
      .flatMap(({ vcpu, port }): GraphEdge[] => [
        ...(receives(port) ? [frames({ actor: nic }, { actor: vcpu }, 'rx virtqueue')] : []),
        frames({ actor: vcpu }, { actor: nic }, 'tx virtqueue'),
      ]),
  );
}

type End = Pick<Named, 'actor'>;

function frames(from: End, to: End, label: string): GraphEdge {
  return { from: from.actor.name, to: to.actor.name, label, carries: 'frames' };
}

function control(from: End, to: End, label: string): GraphEdge {
  return { from: from.actor.name, to: to.actor.name, label, carries: 'control' };
}

function withoutRepeats(edges: readonly GraphEdge[]): GraphEdge[] {
  const same = (a: GraphEdge, b: GraphEdge): boolean => a.from === b.from && a.to === b.to && a.label === b.label;
  return edges.filter((edge, i) => edges.findIndex((other) => same(edge, other)) === i);
}
