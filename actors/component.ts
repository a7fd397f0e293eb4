/**
 * What is known of a component beside its code, one descriptor each: what it counts and what that means, which ways
 * lead through it, what its ports are connected to, what it costs, which thread it belongs to, how it is built. Whoever
 * plans, runs, measures or draws a component asks its descriptor; registry.ts lists them all.
 */
import type { Memory } from '../src/memory/arena.ts';
import type { RingRef } from '../src/memory/id-ring.ts';
import type { WireRef } from '../src/memory/wire-ring.ts';
import type { Actor, CounterSpec, Joint, Socket } from './actor.ts';
import type { FunctionFactory } from './guest/network-functions/functions.ts';

/** The cost in virtual time of components that serve this machine's own kernel: they cannot be there. */
export const NOT_IN_VIRTUAL_TIME: ActorCost = { pollNs: 0, frameNs: 0 };

/** A ring or wire that frames wait in. */
export type Queue = RingRef | WireRef;

/** Where frames wait, by lane: rings or wires that a link brings. Virtqueues are none of them. */
export type Waiting<Link> = Readonly<Record<string, (link: Link) => readonly Queue[]>>;

declare const LINK: unique symbol;

/** One kind of port, and the type of the links that it takes. */
export interface Port<Name extends string = string, Link extends object = object> {
  /** Kind of the component that has it. */
  readonly component: string;
  readonly name: Name;
  readonly waiting: Waiting<Link>;
  readonly [LINK]?: Link;
}

/** The ports of one component, by name; what their links are only they know. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type PortTable = Readonly<Record<string, Port<string, any>>>;

/** What a component may be attached to: one alternative a port. */
export type JointOf<Ports extends PortTable> = {
  [Name in keyof Ports & string]: Ports[Name] extends Port<string, infer Link> ? Joint<Name, Link> : never;
}[keyof Ports & string];

/** Where a link of such a component may be let go of. */
export type SocketOf<Ports extends PortTable> = Socket<keyof Ports & string>;

/** A port before it has its name. */
interface Blank<Link extends object> {
  readonly waiting: Waiting<Link>;
  readonly [LINK]?: Link;
}

/** A port for links of one type. */
export function port<Link extends object>(waiting: Waiting<Link> = {}): Blank<Link> {
  return { waiting };
}

type Named<Blanks> = {
  readonly [Name in keyof Blanks & string]: Blanks[Name] extends Blank<infer L> ? Port<Name, L> : never;
};

/** The ports of a component of kind `component`. */
export function portsOf<Blanks extends Readonly<Record<string, object>>>(
  component: string,
  blanks: Blanks,
): Named<Blanks> {
  const named = Object.entries(blanks).map(([name, blank]) => [name, { ...blank, component, name }]);
  return Object.fromEntries(named) as Named<Blanks>;
}

/** CPU time of an actor's own code, without what the scenario declares; measured by `npm run bench`, 64-byte frames. */
export interface ActorCost {
  /** A poll, whether it finds anything or not. */
  readonly pollNs: number;
  /** Each frame that the poll says it moved. */
  readonly frameNs: number;
}

/** Threads that actors run on: the machine around the modelled host, or one of that host's own. */
export type ActorThread = 'hardware' | 'softirq' | 'vhost' | 'vcpu' | 'vmm';

/** How pictures show a kind of component. Colours are those of the drawing's palette. */
export interface Drawn {
  readonly label: string;
  readonly colour: Colour;
}

export type Colour =
  | 'orange'
  | 'sky'
  | 'green'
  | 'yellow'
  | 'blue'
  | 'vermillion'
  | 'purple'
  | 'violet'
  | 'ink'
  | 'dark grey'
  | 'grey'
  | 'light grey';

/** The descriptor of a component. */
export interface Component<
  Kind extends string = string,
  Place extends string = string,
  Counters extends readonly CounterSpec[] = readonly CounterSpec[],
  Ports extends PortTable = PortTable,
  Config = unknown,
> {
  readonly kind: Kind;
  /** Where on the path frames are while they are in it; several kinds may serve one place. */
  readonly place: Place;
  /** The kind of thread it has where the scenario gives it one of its own. */
  readonly thread: ActorThread;
  readonly drawn: Drawn;
  /** Ways through it, and where each lies on the path: steps from the wire into the guest and back. */
  readonly lanes: Readonly<Record<string, number>>;
  /** What every one of them counts; some count more, by their configuration. */
  readonly counters: Counters;
  readonly ports: Ports;
  readonly measuredCost: ActorCost;
  /** What a frame takes more as it is configured, ns. */
  moreFrameNs?(config: Config): number;
  /** Builds one on the thread that will run it. */
  create(memory: Memory, config: Config, createFunction: FunctionFactory): Actor;
}

declare const OWNER: unique symbol;

/** Name of a counter that a component of this kind has by its configuration: one a stream, one a vNIC. */
export type OwnCounter<Kind extends string> = string & { readonly [OWNER]: Kind };

/** Names such a counter. Only a component itself does, so that nobody else spells it. */
export function ownCounter<Kind extends string>(name: string): OwnCounter<Kind> {
  return name as OwnCounter<Kind>;
}

/** Names under which a component counts. */
export type CounterName<C extends AnyComponent> = C['counters'][number]['name'] | OwnCounter<C['kind']>;

/** Any component's descriptor. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a configuration is only its own component knows
export type AnyComponent = Component<string, string, readonly CounterSpec[], any, any>;

/** The configuration of a component. */
export type ConfigOf<C extends AnyComponent> = Parameters<C['create']>[1];

/** Checks a descriptor: every lane that is named is one of the component's. @throws at load, for a programmer's error. */
export function component<
  const Kind extends string,
  const Place extends string,
  const Counters extends readonly CounterSpec[],
  Ports extends PortTable,
  Config,
>(facts: Component<Kind, Place, Counters, Ports, Config>): Component<Kind, Place, Counters, Ports, Config> {
  const lanes = [
    ...facts.counters.flatMap((counter) => (counter.role === 'event' ? [] : [counter.lane])),
    ...Object.values(facts.ports).flatMap(({ waiting }) => Object.keys(waiting)),
  ];
  const unknown = lanes.find((lane) => !(lane in facts.lanes));
  if (unknown !== undefined) throw new Error(`component ${facts.kind} has no lane "${unknown}"`);
  return facts;
}
