/** Network functions with what was left out filled in. */
import { formatCidr, parseCidr } from '../../net/wire/address.ts';
import type { Nat44Spec, NfSpec, RouteSpec, Routed, TcpServing } from '../functions.ts';
import type { ParsedNf } from '../keys/functions.ts';

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
