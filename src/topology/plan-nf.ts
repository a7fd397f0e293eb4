/** From the network function a scenario names to the configuration each vCPU of its VM builds one from. */
import type { NetworkFunctionConfig } from '../../actors/network-functions/factory.ts';
import type { ForwardPort, ForwardRoute } from '../../actors/network-functions/ip-forward.ts';
import { parseCidr } from '../net/address.ts';
import { parseMac } from '../net/ethernet.ts';
import type { VmSpec } from './scenario.ts';

export function planNetworkFunction(vm: VmSpec): NetworkFunctionConfig {
  const { nf } = vm;
  switch (nf.kind) {
    case 'ip-forward':
      return { kind: 'ip-forward', ports: portsOf(vm), routes: routesOf(vm) };
  }
}

function portsOf({ nics }: VmSpec): ForwardPort[] {
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
