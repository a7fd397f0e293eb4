/** Network functions with what was left out filled in, key by key: a kind has no say here. */
import { formatCidr, parseCidr } from '../../net/wire/address.ts';
import type { NfSpec, RouteSpec } from '../functions.ts';
import type { ParsedNf, ParsedRoutes } from '../keys/functions.ts';

/** What a function may refer to, and what stands where it names no routes. */
export interface NfChoice {
  readonly connected: readonly RouteSpec[];
  readonly nics: readonly { readonly name: string; readonly ip: string }[];
  /** The station on the wire of a vNIC, empty where there is none. */
  readonly stationMac: (nic: string) => string;
  /** The absolute path of a module as it was written. */
  readonly modulePath: (written: string) => string;
}

export function completeNf(parsed: ParsedNf, choice: NfChoice): NfSpec {
  if ('path' in parsed) return { ...parsed, path: choice.modulePath(parsed.path), routes: choice.connected };
  const routes = 'routes' in parsed ? completeRoutes(parsed.routes, choice) : [];
  return 'external' in parsed ? { ...parsed, ...completeOutside(parsed, choice), routes } : { ...parsed, routes };
}

/** The side of a NAT that others see. */
function completeOutside({ outside, external }: Extract<ParsedNf, { external: string }>, { nics }: NfChoice) {
  const nic = nics.find(({ name }) => name === outside) ?? nics[nics.length - 1];
  const own = formatCidr({ ...parseCidr(nic.ip), prefixLength: 32 });
  return { outside: nic.name, external: external === 'auto' ? own : external };
}

function completeRoutes(routes: ParsedRoutes, choice: NfChoice): readonly RouteSpec[] {
  if (routes === 'connected') return choice.connected;
  return routes.map((route) => ({
    ...route,
    gatewayMac: route.gatewayMac === 'auto' ? choice.stationMac(route.nic) : route.gatewayMac,
  }));
}
