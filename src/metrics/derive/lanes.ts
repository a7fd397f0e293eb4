/**
 * The path as counters tell it. An actor that serves both directions (a NIC, the softirq CPU, a vhost worker) has two
 * lanes. Counters of a lane stand together, those of role `in` first: an `in` after any other role begins a new lane.
 */
import { NIC_HOST_PORT, NIC_WIRE_PORT } from '../../../actors/wire/nic/nic-links.ts';
import type { NicHostLink, NicWireLink } from '../../../actors/wire/nic/nic-links.ts';
import type { BridgePortLink } from '../../../actors/host/bridge.ts';
import { E1000_TAP_PORT } from '../../../actors/vmm/e1000.ts';
import { QEMU_TAP_PORT } from '../../../actors/vmm/qemu-backend.ts';
import type { TapFileLink } from '../../../actors/vmm/tap-file.ts';
import type { SoftirqBacklogLink, SoftirqNicLink } from '../../../actors/host/softirq-links.ts';
import { TAP_BRIDGE_PORT } from '../../../actors/host/tap.ts';
import type { TapBridgeLink } from '../../../actors/host/tap.ts';
import type { ClientWireLink } from '../../../actors/wire/client-links.ts';
import type { SinkWireLink } from '../../../actors/wire/sink.ts';
import { VHOST_TAP_PORT } from '../../../actors/host/vhost-links.ts';
import type { VhostTapLink } from '../../../actors/host/vhost-links.ts';
import type { Region } from '../../memory/arena.ts';
import type { RingRef } from '../../memory/id-ring.ts';
import type { WireRef } from '../../memory/wire-ring.ts';
import type { ActorPlan, ActorSpec, Plan } from '../../runtime/plan.ts';

/** The kind of component a frame is at. */
export type Place = 'generator' | 'client' | 'nic' | 'softirq' | 'bridge' | 'tap' | 'vhost' | 'guest' | 'vmm' | 'sink';

/**
 * Where a frame is lost: at a component, or for want of a buffer in a vNIC's pool, whichever component looked there.
 */
export type DropPlace = Place | 'pool';

/** A ring or wire that frames wait in before a lane. */
export interface LaneInput {
  /** Its name in `Snapshot.depths`. */
  readonly name: string;
  /** Frames it may hold. */
  readonly limit: number;
}

/** A reason for frames to end in a lane. */
export interface LaneDrop {
  readonly index: number;
  readonly counter: string;
  readonly reason: string;
  readonly place: DropPlace;
}

/** One way through one actor. Indexes are into the actor's counter page. */
export interface Lane {
  readonly actor: string;
  readonly place: Place;
  /** The VM of a vCPU, otherwise null. */
  readonly vm: string | null;
  /** `rx`, `tx`, `backlog`; empty for an actor that has one lane only. */
  readonly name: string;
  /** None for a generator, where frames begin. */
  readonly inIndexes: readonly number[];
  /** None for a sink, where frames end as they should. */
  readonly outIndexes: readonly number[];
  readonly cloneIndexes: readonly number[];
  /** Frames that ended here because they had done their job. */
  readonly consumeIndexes: readonly number[];
  readonly drops: readonly LaneDrop[];
  readonly inputs: readonly LaneInput[];
}

const PLACES: Readonly<Record<ActorSpec['kind'], Place>> = {
  generator: 'generator',
  client: 'client',
  nic: 'nic',
  softirq: 'softirq',
  bridge: 'bridge',
  tap: 'tap',
  vhost: 'vhost',
  'vhost-accelerated': 'vhost',
  'vhost-control': 'vhost',
  qemu: 'vmm',
  e1000: 'vmm',
  vcpu: 'guest',
  'guest-timer': 'vmm',
  vmm: 'vmm',
  sink: 'sink',
};

/** Where on the path each lane of a component is, from the wire into the guest and back. */
const PATH_POSITIONS: Readonly<Record<Place, readonly number[]>> = {
  generator: [0],
  client: [0, 10],
  nic: [1, 9],
  softirq: [2, 8],
  bridge: [3],
  tap: [4],
  vhost: [5, 7],
  guest: [6],
  vmm: [5, 7],
  sink: [10],
};

/** Count frames that found a vNIC's buffer pool empty: from the wire, and from a queue of the same card. */
const POOL_COUNTERS = ['rx_pool_depleted', 'tx_switched_no_buffer'];

/** The kind of component an actor is. */
export function placeOf(spec: ActorSpec): Place {
  return PLACES[spec.kind];
}

/** Every lane of a run, in the order a frame passes them. */
export function planLanes(plan: Plan): Lane[] {
  const inputs = inputsByRegion(plan);
  const placed = plan.threads.flatMap(({ actors, vm }) =>
    actors.flatMap((actor) =>
      lanesOf(actor, vm, inputs).map((lane, i) => ({ lane, position: PATH_POSITIONS[lane.place][i] ?? Infinity })),
    ),
  );
  return placed.sort((a, b) => a.position - b.position).map(({ lane }) => lane);
}

interface LaneDraft {
  readonly name: string;
  readonly inIndexes: number[];
  readonly outIndexes: number[];
  readonly cloneIndexes: number[];
  readonly consumeIndexes: number[];
  readonly drops: LaneDrop[];
}

function lanesOf(actor: ActorPlan, vm: string | null, inputs: ReadonlyMap<string, LaneInput>): Lane[] {
  const place = placeOf(actor.spec);
  const drafts: LaneDraft[] = [];
  let takingIn = false;
  actor.counters.forEach(({ name, role, reason }, index) => {
    if (role === 'event') return;
    if (drafts.length === 0 || (role === 'in' && !takingIn)) {
      drafts.push({
        name: name.split('_')[0],
        inIndexes: [],
        outIndexes: [],
        cloneIndexes: [],
        consumeIndexes: [],
        drops: [],
      });
    }
    takingIn = role === 'in';
    const lane = drafts[drafts.length - 1];
    if (role === 'in') lane.inIndexes.push(index);
    if (role === 'out') lane.outIndexes.push(index);
    if (role === 'consume') lane.consumeIndexes.push(index);
    if (role === 'clone') lane.cloneIndexes.push(index);
    const lostAt = POOL_COUNTERS.includes(name) ? 'pool' : place;
    if (role === 'drop') lane.drops.push({ index, counter: name, reason: reason ?? name, place: lostAt });
  });
  return drafts.map((draft, i) => ({
    actor: actor.name,
    place,
    vm: place === 'guest' ? vm : null,
    ...draft,
    name: drafts.length === 1 ? '' : draft.name,
    inputs: inputRefs(actor, i).flatMap(({ region }) => inputs.get(keyOf(region)) ?? []),
  }));
}

/** What an actor's lane `index` reads frames from; virtqueues are not rings of the plan. */
function inputRefs({ spec, attachments }: ActorPlan, index: number): (RingRef | WireRef)[] {
  return attachments.flatMap(({ port, link }): (RingRef | WireRef)[] => {
    switch (spec.kind) {
      case 'nic':
        if (index === 0) return port === NIC_WIRE_PORT ? [(link as NicWireLink).rx] : [];
        return port === NIC_HOST_PORT ? [(link as NicHostLink).tx] : [];
      case 'softirq': {
        const from = link as SoftirqNicLink | SoftirqBacklogLink;
        if (index === 0) return from.kind === 'nic' ? [from.rxDone] : [];
        return from.kind === 'backlog' ? [from.from] : [];
      }
      case 'bridge':
        return [...(link as BridgePortLink).rx];
      case 'tap':
        return port === TAP_BRIDGE_PORT ? [(link as TapBridgeLink).rx] : [];
      case 'vhost':
        return index === 0 && port === VHOST_TAP_PORT ? [(link as VhostTapLink).queue] : [];
      case 'e1000':
        return index === 0 && port === E1000_TAP_PORT ? [(link as TapFileLink).queue] : [];
      case 'qemu':
        return index === 0 && port === QEMU_TAP_PORT ? [(link as TapFileLink).queue] : [];
      case 'sink':
        return [(link as SinkWireLink).rx];
      case 'client':
        return index === 0 ? [] : [(link as ClientWireLink).rx];
      case 'generator':
      case 'guest-timer':
      case 'vhost-accelerated':
      case 'vhost-control':
      case 'vcpu':
      case 'vmm':
        return [];
    }
  });
}

function inputsByRegion(plan: Plan): Map<string, LaneInput> {
  return new Map([
    ...plan.rings.map(({ name, ring, limit }) => [keyOf(ring.region), { name, limit }] as const),
    ...plan.wires.map(({ name, wire }) => [keyOf(wire.region), { name, limit: wire.cells }] as const),
  ]);
}

/** Tells regions apart: two ends of one ring name the same. */
export function keyOf(region: Region): string {
  return `${region.buffer}:${region.offsetBytes}`;
}
