/** A plan under construction: the arenas, the threads and the actors placed on them so far. */
import type { CounterSpec } from '../../actors/actor.ts';
import type { Port } from '../../actors/component.ts';
import type { ActorSpec } from '../../actors/registry.ts';
import type { Region } from '../memory/arena.ts';
import { Arena } from '../memory/arena.ts';
import { reserveCounters } from '../memory/counter-page.ts';
import { reserveDoorbell } from '../memory/doorbell.ts';
import { reserveSoftirqLine } from '../kernel/softirq-line.ts';
import { SlotMemoryPlanner } from '../memory/frame-pool.ts';
import type { PoolHome, PoolRef, SlotMemoryRef } from '../memory/frame-pool.ts';
import type { RingRef } from '../memory/id-ring.ts';
import { reserveRing } from '../memory/id-ring.ts';
import { reservePending } from '../memory/pending-queue.ts';
import type { WireRef } from '../memory/wire-ring.ts';
import { reserveWire } from '../memory/wire-ring.ts';
import { reserveBounce } from '../runtime/os/core-distance.ts';
import type { ThreadKind } from '../runtime/os/core-plan.ts';
import type { ThreadPolicy } from '../runtime/os/os-threads.ts';
import type {
  ActorPlan,
  Attachment,
  ClientPlan,
  EndPlan,
  GuestBuffersPlan,
  HardwarePolls,
  HostPlan,
  Plan,
  PortPlan,
  RingPlan,
  SoftirqThreadPlan,
  StreamPlan,
  ThreadPlan,
  TickPlan,
  WirePlan,
} from '../runtime/plan.ts';
import { reserveThreadControl } from '../runtime/threads/thread-control.ts';
import type { PlacementSpec, Scenario, ThreadSpec } from '../scenario/scenario.ts';
import type { PlacementKind } from '../scenario/words.ts';
import { threadSettings } from '../scenario/names.ts';

/**
 * On which CPU of the modelled hosts a thread runs, numbered through all of them: `cpu`, or any of `cpus`, which are
 * those of its host; with neither the rule for a host of one CPU decides.
 */
export interface CpuSeat {
  /** Which of several modelled hosts that is; null where there is one, and of threads that are no host's. */
  readonly host: string | null;
  readonly cpu: number | null;
  readonly cpus: readonly number[];
}

/** Of threads that no CPU of a modelled host is chosen for. */
export const CONTROL_SEAT: CpuSeat = { host: null, cpu: null, cpus: [] };

/** A thread while actors are still being placed on it. */
export interface DraftThread {
  readonly name: string;
  readonly kind: ThreadKind;
  readonly vm: string | null;
  readonly doorbell: Region;
  pending: Region | null;
  softirq: SoftirqThreadPlan | null;
  ticks: readonly TickPlan[];
  readonly seat: CpuSeat;
  readonly control: Region;
  readonly core: number | null;
  readonly policy: ThreadPolicy | null;
  readonly actors: DraftActor[];
  readonly buffers: Set<string>;
}

/** An actor while its ports are still being connected. */
export interface DraftActor {
  readonly name: string;
  readonly thread: DraftThread;
  readonly attachments: Attachment[];
  spec: ActorSpec | null;
  counters: readonly CounterSpec[];
  counterRegion: Region | null;
  announced: number | null;
}

export class PlanDraft {
  /** What lies between generators, NICs and sinks. */
  readonly wire = new Arena('wire');
  /** Doorbells, eventfds, interrupt lines, control words. */
  readonly signals = new Arena('signals');
  /** Counters, histograms: one writer each. */
  readonly metrics = new Arena('metrics');
  readonly slots: SlotMemoryPlanner;
  readonly hosts: HostPlan[] = [];
  readonly rings: RingPlan[] = [];
  readonly homes: PoolHome[] = [];
  private readonly slotMemories: SlotMemoryRef[] = [];
  readonly wires: WirePlan[] = [];
  readonly guests: GuestBuffersPlan[] = [];
  readonly ports: PortPlan[] = [];
  readonly clients: ClientPlan[] = [];
  readonly streams: StreamPlan[] = [];
  readonly ends: EndPlan[] = [];
  private readonly ownArenas: Arena[] = [];
  private readonly threads: DraftThread[] = [];
  private readonly placement: PlacementSpec;
  private readonly polls: HardwarePolls;
  private readonly frameBytesMax: number;

  /** @param frameBytesMax the longest frame there can be, without FCS. */
  constructor({ placement, virtual }: Pick<Scenario, 'placement' | 'virtual'>, frameBytesMax: number) {
    this.placement = placement;
    this.polls = virtual;
    this.frameBytesMax = frameBytesMax;
    this.slots = new SlotMemoryPlanner(frameBytesMax);
  }

  /** An arena of a host's or a VM's own: `host`, `host:server`, `guest:vm0`, `vmm:vm0`. */
  arena(name: string): Arena {
    const arena = new Arena(name);
    this.ownArenas.push(arena);
    return arena;
  }

  /** The scenario's settings for a thread or an actor; `vm` is the one it works for. */
  settings(kind: PlacementKind, name: string, vm: string | null): Omit<ThreadSpec, 'match'> {
    return threadSettings(this.placement, kind, name, vm);
  }

  /** A thread; `named` is what the scenario calls its kind. */
  thread(name: string, kind: ThreadKind, named: PlacementKind, seat: CpuSeat, vm: string | null = null): DraftThread {
    const settings = this.settings(named, name, vm);
    const thread: DraftThread = {
      name,
      kind,
      vm,
      doorbell: kind === 'softirq' ? reserveSoftirqLine(this.signals) : reserveDoorbell(this.signals),
      pending: null,
      softirq: null,
      ticks: [],
      seat,
      control: reserveThreadControl(this.signals),
      core: settings.core,
      policy: policyOf(settings),
      actors: [],
      buffers: new Set(['signals', 'metrics']),
    };
    this.threads.push(thread);
    return thread;
  }

  /** A thread that is there already. */
  threadNamed(name: string): DraftThread | undefined {
    return this.threads.find((thread) => thread.name === name);
  }

  /** Places an actor on `shared`, or on a thread of its own where the scenario says so. */
  actor(
    name: string,
    named: PlacementKind,
    shared: DraftThread,
    ownKind: ThreadKind,
    buffers: readonly string[],
  ): DraftActor {
    const seat = { ...shared.seat, cpu: null };
    const { own } = this.settings(named, name, shared.vm);
    const thread = own ? this.thread(name, ownKind, named, seat, shared.vm) : shared;
    return this.actorOn(thread, name, buffers);
  }

  /** Places an actor on a given thread. */
  actorOn(thread: DraftThread, name: string, buffers: readonly string[]): DraftActor {
    const blank = { attachments: [], spec: null, counters: [], counterRegion: null, announced: null };
    const actor: DraftActor = { name, thread, ...blank };
    for (const buffer of buffers) thread.buffers.add(buffer);
    thread.actors.push(actor);
    return actor;
  }

  /** Gives an actor its counter page. */
  count(actor: DraftActor, counters: readonly CounterSpec[]): Region {
    actor.counters = counters;
    actor.counterRegion = reserveCounters(this.metrics, counters.length);
    return actor.counterRegion;
  }

  /** A ring in a host's memory, known to ledger and screen. */
  ring(host: Arena, name: string, ids: number, carries: 'frames' | 'buffers', limit = ids): RingRef {
    const ring = reserveRing(host, ids);
    this.rings.push({ name, ring, carries, limit });
    return ring;
  }

  /** Has rings announce themselves to one reader: those of `inputs[n]` as n. @returns where. */
  announce(inputs: readonly (readonly RingRef[])[]): Region {
    const pending = reservePending(this.signals, inputs.length);
    inputs.forEach((rings, number) => {
      for (const ring of rings) ring.announced = { pending, number };
    });
    return pending;
  }

  /** The slots of one host, in its memory: those of the pools added since the last call. */
  slotMemory(host: Arena): SlotMemoryRef {
    const slots = this.slots.reserve(host);
    this.slotMemories.push(slots);
    return slots;
  }

  /** Where the slots of a pool lie while its actor is not there. */
  home(host: Arena, name: string, pool: PoolRef): RingRef {
    const ring = this.ring(host, name, pool.slots, 'buffers');
    this.homes.push({ pool, ring });
    return ring;
  }

  wireOf(name: string, cells: number): WireRef {
    const wire = reserveWire(this.wire, cells, this.frameBytesMax);
    this.wires.push({ name, wire });
    return wire;
  }

  /** The finished plan. */
  finish(pools: Plan['pools'], absent: Plan['absent']): Plan {
    this.slots.assertAllReserved();
    const bounce = reserveBounce(this.signals);
    const arenas = [this.wire, this.signals, this.metrics, ...this.ownArenas];
    return {
      polls: this.polls,
      hosts: this.hosts,
      buffers: arenas.map(({ name, bytes }) => ({ name, bytes: Math.max(bytes, 128) })),
      threads: this.threads.filter(({ actors }) => actors.length > 0).map(finishThread),
      rings: this.rings,
      wires: this.wires,
      pools,
      slotMemories: this.slotMemories,
      homes: this.homes,
      absent,
      guests: this.guests,
      ports: this.ports,
      clients: this.clients,
      streams: this.streams,
      ends: this.ends,
      bounce,
    };
  }
}

/** Connects an actor's port to what it takes; with several links each has its index. `vm` is whose the link is. */
export function connect<Link extends object>(
  actor: DraftActor,
  port: Port<string, Link>,
  link: NoInfer<Link>,
  { index = 0, vm = null }: { readonly index?: number; readonly vm?: string | null } = {},
): void {
  actor.attachments.push({ port: port.name, index, link, ...(vm === null ? {} : { vm }) });
}

function finishThread({ seat, ...thread }: DraftThread): ThreadPlan {
  return { ...thread, ...seat, actors: thread.actors.map(finishActor), buffers: [...thread.buffers] };
}

function finishActor(actor: DraftActor): ActorPlan {
  const { name, spec, counters, counterRegion, attachments, announced } = actor;
  if (spec === null) throw new Error(`actor ${name} was never configured`);
  return { name, spec, counters, counterRegion, attachments, announced };
}

function policyOf({ policy, nice }: Omit<ThreadSpec, 'match'>): ThreadPolicy | null {
  switch (policy) {
    case 'fifo':
      return { class: 'fifo', priority: 1 };
    case 'idle':
      return { class: 'idle' };
    case 'other':
    case 'batch':
      return { class: policy, nice: nice ?? 0 };
    case null:
      return nice === null ? null : { class: 'other', nice };
  }
}
