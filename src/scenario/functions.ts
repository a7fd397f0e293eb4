/** The network function of a VM in a scenario: completed from what was written, and as the rest of the program sees it. */
import { formatCidr, networkOf, parseCidr } from '../net/wire/address.ts';
import type { ParsedNf } from './keys/functions.ts';

export interface RouteSpec {
  readonly prefix: string;
  readonly nic: string;
  readonly gatewayMac: string;
}

/** A packet that fits all of it gets its action. */
export interface FirewallRuleSpec {
  readonly name: string;
  readonly action: 'allow' | 'deny';
  readonly protocol: 'any' | 'icmp' | 'tcp' | 'udp' | number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePorts: PortRangeSpec | null;
  readonly destinationPorts: PortRangeSpec | null;
}

export interface PortRangeSpec {
  readonly low: number;
  readonly high: number;
}

interface Routed {
  readonly routes: readonly RouteSpec[];
}

export interface FirewallSpec extends Routed {
  readonly kind: 'firewall';
  readonly rules: readonly FirewallRuleSpec[];
  readonly default: 'allow' | 'deny';
}

export interface Nat44Spec extends Routed {
  readonly kind: 'nat44';
  /** Name of the vNIC towards the outside. */
  readonly outside: string;
  /** External addresses. */
  readonly external: string;
  readonly ports: PortRangeSpec;
  readonly udpTimeoutNs: number;
  readonly tcpEstablishedTimeoutNs: number;
  readonly tcpTransitoryTimeoutNs: number;
  readonly icmpTimeoutNs: number;
}

export interface BackendSpec {
  /** Address and port. */
  readonly endpoint: string;
  readonly weight: number;
}

export interface LoadBalancerSpec extends Routed {
  readonly kind: 'load-balancer';
  /** Address and port that clients know. */
  readonly virtual: string;
  readonly backends: readonly BackendSpec[];
  /** That each vCPU remembers. */
  readonly connections: number;
  readonly idleNs: number;
}

/** A function of the user's own. */
export interface ModuleSpec extends Routed {
  readonly kind: 'module';
  /** Absolute. */
  readonly path: string;
}

/** What a function that ends TCP connections and its clients agree on: one request, one response. */
interface TcpServing extends Routed {
  readonly listenPort: number;
  readonly tls: boolean;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Most at once, for each vCPU. */
  readonly connections: number;
  readonly idleNs: number;
}

export interface TcpTerminateSpec extends TcpServing {
  readonly kind: 'tcp-terminate';
}

/** Has the response from a server. */
export interface TcpProxySpec extends TcpServing {
  readonly kind: 'tcp-proxy';
  readonly backends: readonly BackendSpec[];
  readonly backendTimeoutNs: number;
}

/** The network function that every vCPU of a VM runs. A server has no routes: it answers whoever asks. */
export type NfSpec =
  | (Routed & { readonly kind: 'ip-forward' })
  | FirewallSpec
  | (Routed & { readonly kind: 'server' })
  | Nat44Spec
  | TcpTerminateSpec
  | TcpProxySpec
  | ModuleSpec
  | LoadBalancerSpec;

/** Whether TCP clients may be sent to a VM with this function. */
export function servesTcp(nf: NfSpec): nf is TcpTerminateSpec | TcpProxySpec {
  return nf.kind === 'tcp-terminate' || nf.kind === 'tcp-proxy';
}

/** The route of the longest prefix that contains an address. */
export function routeTo(routes: readonly RouteSpec[], address: number): RouteSpec | undefined {
  const lengthOf = ({ prefix }: RouteSpec): number => parseCidr(prefix).prefixLength;
  return routes
    .filter((route) => networkOf({ address, prefixLength: lengthOf(route) }) === networkOf(parseCidr(route.prefix)))
    .sort((a, b) => lengthOf(b) - lengthOf(a))[0];
}

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
  if (typeof parsed === 'string') {
    return { kind: 'module', path: choice.modulePath(parsed), routes: choice.connected };
  }
  switch (parsed.kind) {
    case 'server':
      return { kind: 'server', routes: [] };
    case 'tcp-terminate':
      return { kind: 'tcp-terminate', ...completeServing(parsed), routes: [] };
    case 'tcp-proxy': {
      const { backends, backendTimeout } = parsed;
      const routes = completeRoutes(parsed.routes, choice);
      return { kind: 'tcp-proxy', ...completeServing(parsed), backends, backendTimeoutNs: backendTimeout, routes };
    }
    case 'ip-forward':
      return { kind: 'ip-forward', routes: completeRoutes(parsed.routes, choice) };
    case 'nat44':
      return completeNat44(parsed, choice);
    case 'load-balancer': {
      const { virtual, backends, connections, idleTimeout } = parsed;
      const routes = completeRoutes(parsed.routes, choice);
      return { kind: 'load-balancer', virtual, backends, connections, idleNs: idleTimeout, routes };
    }
    case 'firewall':
      return {
        kind: 'firewall',
        rules: parsed.rules.map((rule, i) => ({
          ...rule,
          name: rule.name ?? `rule${i}`,
          sourcePorts: rule.sourcePorts ?? null,
          destinationPorts: rule.destinationPorts ?? null,
        })),
        default: parsed.default,
        routes: completeRoutes(parsed.routes, choice),
      };
  }
}

function completeServing(
  parsed: Extract<ParsedNf, { kind: 'tcp-terminate' | 'tcp-proxy' }>,
): Omit<TcpServing, keyof Routed> {
  const { listenPort, tls, requestBytes, responseBytes, connections, idle } = parsed;
  return { listenPort, tls, requestBytes, responseBytes, connections, idleNs: idle };
}

function completeNat44(parsed: Extract<ParsedNf, { kind: 'nat44' }>, choice: NfChoice): Nat44Spec {
  const outside = choice.nics.find(({ name }) => name === parsed.outside) ?? choice.nics[choice.nics.length - 1];
  const own = formatCidr({ ...parseCidr(outside.ip), prefixLength: 32 });
  return {
    kind: 'nat44',
    outside: outside.name,
    external: parsed.external === 'auto' ? own : parsed.external,
    ports: parsed.ports,
    udpTimeoutNs: parsed.udpTimeout,
    tcpEstablishedTimeoutNs: parsed.tcpEstablishedTimeout,
    tcpTransitoryTimeoutNs: parsed.tcpTransitoryTimeout,
    icmpTimeoutNs: parsed.icmpTimeout,
    routes: completeRoutes(parsed.routes, choice),
  };
}

function completeRoutes(routes: readonly RouteSpec[] | undefined, choice: NfChoice): readonly RouteSpec[] {
  if (routes === undefined) return choice.connected;
  return routes.map((route) => ({
    ...route,
    gatewayMac: route.gatewayMac === 'auto' ? choice.stationMac(route.nic) : route.gatewayMac,
  }));
}
