/** The network function of a VM, as the rest of the program sees it. */
import { networkOf, parseCidr } from '../net/wire/address.ts';

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

export interface Routed {
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
export interface TcpServing extends Routed {
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

/** The route of the longest prefix that contains an address. */
export function routeTo(routes: readonly RouteSpec[], address: number): RouteSpec | undefined {
  const lengthOf = ({ prefix }: RouteSpec): number => parseCidr(prefix).prefixLength;
  return routes
    .filter((route) => networkOf({ address, prefixLength: lengthOf(route) }) === networkOf(parseCidr(route.prefix)))
    .sort((a, b) => lengthOf(b) - lengthOf(a))[0];
}
