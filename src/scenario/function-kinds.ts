/**
 * Kinds of network function: one row a kind, one column a fact. Whoever wants to know something about a kind asks here;
 * what may be written of each says keys/functions.ts, and how it is planned a switch that the compiler finds incomplete.
 */
import { wordsInARow } from '../text/lists.ts';
import type { NfSpec } from './functions.ts';

export type FunctionKind = NfSpec['kind'];

export interface FunctionFacts {
  /** What messages call it. */
  readonly called: string;
  /** Whether TCP connections end in it, so that clients may be sent to it; `unknown` is its author's business. */
  readonly tcp: 'ended' | 'left' | 'unknown';
  /** What a frame costs in it: what a host's stack takes, or forwarding. */
  readonly cost: 'guestTcp' | 'guestForward';
  /** Who knows what a frame takes more in it than forwarding, on virtual time: its author, or whoever measured it. */
  readonly frameCost: 'measured' | 'declared';
  /** Whether it has timers; `declared` for what its author says. */
  readonly keepsTime: 'never' | 'always' | 'declared';
  /**
   * What becomes of addresses and ports between the vNIC a packet enters by and the sink: they stay; a backend's take
   * the place of the destination; an external endpoint takes that of the source; an answer turns them around; its
   * connection ends here; or its author alone knows.
   */
  readonly addresses: 'kept' | 'balanced' | 'translated' | 'answered' | 'ended' | 'unknown';
  /** Whether what is sent comes out with another next hop and time to live alone; what a module changes its author knows. */
  readonly passesCaptures: boolean;
  /** Whether it opens connections to backends of its own, which must listen, in its terms, at the end of a route. */
  readonly connects: boolean;
}

const TABLE = {
  /** IPv4 forwarding. */
  'ip-forward': {
    called: 'ip-forward',
    tcp: 'left',
    cost: 'guestForward',
    frameCost: 'measured',
    keepsTime: 'never',
    addresses: 'kept',
    passesCaptures: true,
    connects: false,
  },
  /** A stateless packet filter in front of it. */
  firewall: {
    called: 'firewall',
    tcp: 'left',
    cost: 'guestForward',
    frameCost: 'measured',
    keepsTime: 'never',
    addresses: 'kept',
    passesCaptures: true,
    connects: false,
  },
  /** A host that echoes; it forwards nothing. */
  server: {
    called: 'server',
    tcp: 'left',
    cost: 'guestForward',
    frameCost: 'measured',
    keepsTime: 'never',
    addresses: 'answered',
    passesCaptures: false,
    connects: false,
  },
  /** Source NAT with port translation. */
  nat44: {
    called: 'nat44',
    tcp: 'left',
    cost: 'guestForward',
    frameCost: 'measured',
    keepsTime: 'never',
    addresses: 'translated',
    passesCaptures: false,
    connects: false,
  },
  /** Sends each connection to one of several backends, packet by packet. */
  'load-balancer': {
    called: 'load-balancer',
    tcp: 'left',
    cost: 'guestForward',
    frameCost: 'measured',
    keepsTime: 'never',
    addresses: 'balanced',
    passesCaptures: false,
    connects: false,
  },
  /** One request and one response on each connection. */
  'tcp-terminate': {
    called: 'tcp-terminate',
    tcp: 'ended',
    cost: 'guestTcp',
    frameCost: 'measured',
    keepsTime: 'always',
    addresses: 'ended',
    passesCaptures: false,
    connects: false,
  },
  /** The same, with the response from a server over another connection. */
  'tcp-proxy': {
    called: 'tcp-proxy',
    tcp: 'ended',
    cost: 'guestTcp',
    frameCost: 'measured',
    keepsTime: 'always',
    addresses: 'ended',
    passesCaptures: false,
    connects: true,
  },
  /** The user's own. */
  module: {
    called: 'a module',
    tcp: 'unknown',
    cost: 'guestForward',
    frameCost: 'declared',
    keepsTime: 'declared',
    addresses: 'unknown',
    passesCaptures: true,
    connects: false,
  },
} as const satisfies Readonly<Record<FunctionKind, FunctionFacts>>;

/** The kinds of which a fact has that value. */
type KindWith<F extends keyof FunctionFacts, V> = {
  [K in FunctionKind]: (typeof TABLE)[K][F] extends V ? K : never;
}[FunctionKind];

/** The functions of which a fact has that value. */
export type NfWith<F extends keyof FunctionFacts, V> = Extract<NfSpec, { readonly kind: KindWith<F, V> }>;

/** Rows with the values they have, so that a switch on a fact can be found incomplete. */
export const FUNCTION_KINDS = TABLE;

/** Whether a fact about the kind of a function has that value; `nf` is what a scenario or a plan says of it. */
export function isOfKind<F extends keyof FunctionFacts, V extends FunctionFacts[F], N extends { kind: FunctionKind }>(
  nf: N,
  fact: F,
  value: V,
): nf is N & { readonly kind: KindWith<F, V> } {
  const facts: FunctionFacts = TABLE[nf.kind];
  return facts[fact] === value;
}

/** The kinds of which something holds, for people: `ip-forward, firewall or a module`. */
export function kindsForPeople(holds: (facts: FunctionFacts) => boolean): string {
  const called = Object.values<FunctionFacts>(TABLE).flatMap((facts) => (holds(facts) ? [facts.called] : []));
  return wordsInARow(called, 'or');
}

/** The functions that TCP clients may be sent to. */
export const TCP_SERVERS = kindsForPeople(({ tcp }) => tcp === 'ended');
