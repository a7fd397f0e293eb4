/** From the network function a scenario names to the configuration each vCPU of its VM builds one from. */
import type { FirewallRule } from '../../../actors/guest/network-functions/firewall.ts';
import type { ForwardRoute, RoutingConfig } from '../../../actors/guest/network-functions/ip-forward.ts';
import type { GuestPort } from '../../../actors/guest/network-functions/ipv4-input.ts';
import { FIRST_BACKEND_WORD, FIRST_CONNECTIONS_WORD } from '../../../actors/guest/network-functions/backend-states.ts';
import type { BackendStatesConfig } from '../../../actors/guest/network-functions/backend-states.ts';
import type { LoadBalancerConfig } from '../../../actors/guest/network-functions/load-balancer.ts';
import type { ExternalPool } from '../../../actors/guest/network-functions/nat-mappings.ts';
import { reserveMappings } from '../../../actors/guest/network-functions/nat-mappings.ts';
import type { Nat44Config } from '../../../actors/guest/network-functions/nat44.ts';
import type { TcpProxyConfig } from '../../../actors/guest/network-functions/tcp-proxy.ts';
import type { TcpTerminateConfig } from '../../../actors/guest/network-functions/tcp-terminate.ts';
import type { FunctionModule, UserFunctionConfig } from '../../../actors/guest/network-functions/user-function.ts';
import type { Arena } from '../../memory/arena.ts';
import { parseCidr, parseEndpoint } from '../../net/wire/address.ts';
import { parseMac } from '../../net/wire/ethernet.ts';
import type { NetworkFunctionConfig } from '../../../actors/guest/network-functions/functions.ts';
import { surveyUserFunction } from '../../runtime/function-module.ts';
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from '../../net/wire/ipv4.ts';
import { bundleFunctionModule } from './function-bundle.ts';
import { PRE_SHARED_SECRET } from '../wires/clients.ts';
import { routeTo } from '../../scenario/functions.ts';
import type { NfOf } from '../../scenario/functions.ts';
import type { VmSpec } from '../../scenario/scenario.ts';

const PROTOCOL_NUMBERS = { any: null, icmp: IP_PROTOCOL_ICMP, tcp: IP_PROTOCOL_TCP, udp: IP_PROTOCOL_UDP } as const;

/** One for each vCPU. @throws FunctionModuleError when a module gives no network function. */
export function planFunctions(memory: Arena, vm: VmSpec): NetworkFunctionConfig[] {
  const { nf } = vm;
  const alike = (config: NetworkFunctionConfig) => Array.from({ length: vm.vcpus }, () => config);
  switch (nf.kind) {
    case 'ip-forward':
      return alike({ kind: 'ip-forward', ...routingOf(vm) });
    case 'firewall': {
      const allowByDefault = nf.default === 'allow';
      return alike({ kind: 'firewall', ...routingOf(vm), rules: nf.rules.map(ruleOf), allowByDefault });
    }
    case 'server':
      return alike({ kind: 'server', ports: portsOf(vm) });
    case 'nat44':
      return planNat44(memory, vm, nf);
    case 'load-balancer':
      return planLoadBalancers(memory, vm, nf);
    case 'tcp-terminate':
      return alike({ kind: 'tcp-terminate', ...servingOf(vm, nf) });
    case 'tcp-proxy':
      return planTcpProxies(memory, vm, nf);
    case 'module':
      return planUserFunctions(vm, bundleFunctionModule(nf.path), nf.frameCostNs ?? 0);
  }
}

function planUserFunctions(vm: VmSpec, module: FunctionModule, frameCostNs: number): UserFunctionConfig[] {
  return Array.from({ length: vm.vcpus }, (_, vcpu) => {
    const guest = { ...routingOf(vm), vcpu, vcpus: vm.vcpus };
    return { kind: 'module', ...guest, module, frameCostNs, ...surveyUserFunction(module, guest) };
  });
}

function servingOf(vm: VmSpec, nf: NfOf<'tcp-terminate' | 'tcp-proxy'>): Omit<TcpTerminateConfig, 'kind'> {
  return {
    ports: portsOf(vm),
    listenPort: nf.listenPort,
    connectionsMax: nf.connections,
    requestBytes: nf.requestBytes,
    responseBytes: nf.responseBytes,
    tlsSecret: nf.tls ? PRE_SHARED_SECRET : null,
    idleNs: nf.idleNs,
  };
}

function planTcpProxies(memory: Arena, vm: VmSpec, nf: NfOf<'tcp-proxy'>): TcpProxyConfig[] {
  const backends = nf.backends.map((backend) => proxyBackendOf(vm, nf, backend));
  const serving = servingOf(vm, nf);
  const { backendTimeoutNs } = nf;
  return planStates(memory, vm, backends.length).map((states) => ({
    kind: 'tcp-proxy',
    ...serving,
    backends,
    backendTimeoutNs,
    ...states,
  }));
}

/** A server behind a proxy, with the way there, which does not change. */
function proxyBackendOf(
  vm: VmSpec,
  nf: NfOf<'tcp-proxy'>,
  backend: NfOf<'tcp-proxy'>['backends'][number],
): TcpProxyConfig['backends'][number] {
  const { address, port } = parseEndpoint(backend.endpoint);
  const route = routeTo(nf.routes, address);
  if (route === undefined) throw new Error(`${vm.name}: no route to backend ${backend.endpoint}`);
  const networkPort = vm.nics.findIndex(({ name }) => name === route.nic);
  const { high, low } = parseMac(route.gatewayMac);
  const neighbour = { macHigh: high, macLow: low, networkPort };
  return { address, port, weight: backend.weight, localAddress: portsOf(vm)[networkPort].address, neighbour };
}

/** Mappings for all vCPUs; each vCPU that serves an inside vNIC has a block of the ports. */
function planNat44(memory: Arena, vm: VmSpec, nf: NfOf<'nat44'>): Nat44Config[] {
  const pool = natPool(nf);
  const mappings = reserveMappings(memory, pool);
  const inside = vm.nics.filter(({ name }) => name !== nf.outside).map(({ vcpu }) => vcpu);
  const owners = [...new Set(inside)].sort((a, b) => a - b);
  return Array.from({ length: vm.vcpus }, (_, vcpu) => ({
    kind: 'nat44',
    ...routingOf(vm),
    outside: vm.nics.findIndex(({ name }) => name === nf.outside),
    pool,
    timeouts: {
      udpMs: nf.udpTimeoutNs / 1e6,
      tcpEstablishedMs: nf.tcpEstablishedTimeoutNs / 1e6,
      tcpTransitoryMs: nf.tcpTransitoryTimeoutNs / 1e6,
      icmpMs: nf.icmpTimeoutNs / 1e6,
    },
    mappings,
    share: owners.includes(vcpu) ? { index: owners.indexOf(vcpu), of: owners.length } : null,
  }));
}

/** Each vCPU remembers the connections of its own clients. */
function planLoadBalancers(memory: Arena, vm: VmSpec, nf: NfOf<'load-balancer'>): LoadBalancerConfig[] {
  return planStates(memory, vm, nf.backends.length).map((states) => ({
    kind: 'load-balancer',
    ...routingOf(vm),
    virtual: parseEndpoint(nf.virtual),
    backends: nf.backends.map(({ endpoint, weight }) => ({ ...parseEndpoint(endpoint), weight })),
    connections: nf.connections,
    idleMs: nf.idleNs / 1e6,
    ...states,
  }));
}

/** What backends take, all vCPUs read at one place; each has its own account of its connections. */
function planStates(memory: Arena, { vcpus }: VmSpec, backends: number): BackendStatesConfig[] {
  const states = memory.reserve((FIRST_BACKEND_WORD + backends) * 4);
  return Array.from({ length: vcpus }, () => ({
    states,
    accounts: memory.reserve((FIRST_CONNECTIONS_WORD + backends) * 4),
  }));
}

/** The external endpoints that a NAT's scenario gives it. */
export function natPool({ external, ports }: NfOf<'nat44'>): ExternalPool {
  const { address, prefixLength } = parseCidr(external);
  return {
    firstAddress: address,
    addresses: 2 ** (32 - prefixLength),
    firstPort: ports.low,
    ports: ports.high - ports.low + 1,
  };
}

function ruleOf(rule: NfOf<'firewall'>['rules'][number]): FirewallRule {
  return {
    name: rule.name,
    allow: rule.action === 'allow',
    protocol: typeof rule.protocol === 'number' ? rule.protocol : PROTOCOL_NUMBERS[rule.protocol],
    source: parseCidr(rule.source),
    destination: parseCidr(rule.destination),
    sourcePorts: rule.sourcePorts,
    destinationPorts: rule.destinationPorts,
  };
}

function routingOf(vm: VmSpec): RoutingConfig {
  return { ports: portsOf(vm), routes: routesOf(vm) };
}

function portsOf({ nics }: VmSpec): GuestPort[] {
  return nics.map((nic) => {
    const mac = parseMac(nic.mac);
    return { macHigh: mac.high, macLow: mac.low, address: parseCidr(nic.ip).address, mtuBytes: nic.mtuBytes };
  });
}

function routesOf({ nf, nics }: VmSpec): ForwardRoute[] {
  return nf.routes.map((route) => {
    const { address, prefixLength } = parseCidr(route.prefix);
    const gateway = parseMac(route.gatewayMac);
    return {
      prefix: address,
      length: prefixLength,
      port: nics.findIndex(({ name }) => name === route.nic),
      nextHopHigh: gateway.high,
      nextHopLow: gateway.low,
    };
  });
}
