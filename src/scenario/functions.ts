/** The network function of a VM, as the rest of the program sees it: its keys, with nothing left open. */
import { networkOf, parseCidr } from '../net/wire/address.ts';
import type { ParsedModule, ParsedNf, ParsedRoutes } from './keys/functions.ts';

/** Plain frozen data. */
type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

export type RouteSpec = Frozen<Exclude<ParsedRoutes, 'connected'>[number]>;

export interface Routed {
  readonly routes: readonly RouteSpec[];
}

/** A function of the user's own. */
export interface ModuleSpec extends Routed {
  readonly kind: 'module';
  /** Absolute. */
  readonly path: string;
  /** What a frame takes more in it than forwarding, on virtual time; null where nobody has said. */
  readonly frameCostNs: number | null;
}

type Completed<P> = P extends object ? Required<Frozen<Omit<P, 'routes'>>> & Routed : never;

export type BuiltInSpec = Completed<Exclude<ParsedNf, ParsedModule>>;

/** The network function that every vCPU of a VM runs. One that only answers whoever asks has no routes. */
export type NfSpec = BuiltInSpec | ModuleSpec;

/** A function of one kind. */
export type NfOf<K extends NfSpec['kind']> = Extract<NfSpec, { readonly kind: K }>;

/** The route of the longest prefix that contains an address. */
export function routeTo(routes: readonly RouteSpec[], address: number): RouteSpec | undefined {
  const lengthOf = ({ prefix }: RouteSpec): number => parseCidr(prefix).prefixLength;
  return routes
    .filter((route) => networkOf({ address, prefixLength: lengthOf(route) }) === networkOf(parseCidr(route.prefix)))
    .sort((a, b) => lengthOf(b) - lengthOf(a))[0];
}
