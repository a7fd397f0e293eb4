/** From the network function a scenario names to the configuration each vCPU of its VM builds one from. */
import type { NetworkFunctionConfig } from '../../actors/network-functions/factory.ts';
import type { FirewallRule } from '../../actors/network-functions/firewall.ts';
import type { ForwardRoute, RoutingConfig } from '../../actors/network-functions/ip-forward.ts';
import type { GuestPort } from '../../actors/network-functions/ipv4-input.ts';
import { parseCidr } from '../net/address.ts';
import { parseMac } from '../net/ethernet.ts';
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from '../net/ipv4.ts';
import type { FirewallRuleSpec } from './scenario-nf.ts';
import type { VmSpec } from './scenario.ts';

const PROTOCOL_NUMBERS = { any: null, icmp: IP_PROTOCOL_ICMP, tcp: IP_PROTOCOL_TCP, udp: IP_PROTOCOL_UDP } as const;

export function planNetworkFunction(vm: VmSpec): NetworkFunctionConfig {
  const { nf } = vm;
  switch (nf.kind) {
    case 'ip-forward':
      return { kind: 'ip-forward', ...routingOf(vm) };
    case 'firewall':
      return {
        kind: 'firewall',
        ...routingOf(vm),
        rules: nf.rules.map(ruleOf),
        allowByDefault: nf.default === 'allow',
      };
    case 'server':
      return { kind: 'server', ports: portsOf(vm) };
  }
}

function ruleOf(rule: FirewallRuleSpec): FirewallRule {
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
    return { macHigh: mac.high, macLow: mac.low, address: parseCidr(nic.ip).address };
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
