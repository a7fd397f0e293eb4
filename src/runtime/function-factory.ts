/** Every network function a guest can run: what it counts, and how it is built. */
import { Firewall, firewallDrops } from '../../actors/guest/network-functions/firewall.ts';
import { IP_FORWARD_DROPS, IpForward } from '../../actors/guest/network-functions/ip-forward.ts';
import {
  LOAD_BALANCER_DROPS,
  LoadBalancer,
  loadBalancerEvents,
} from '../../actors/guest/network-functions/load-balancer.ts';
import { NAT44_DROPS, NAT44_EVENTS, Nat44 } from '../../actors/guest/network-functions/nat44.ts';
import type { NetworkFunctionConfig } from '../../actors/guest/network-functions/function-config.ts';
import type {
  EventCounter,
  FunctionContext,
  FunctionCounters,
  NetworkFunction,
} from '../../actors/guest/network-functions/network-function.ts';
import { SERVER_DROPS, Server } from '../../actors/guest/network-functions/server.ts';
import { TCP_INPUT_DROPS } from '../../actors/guest/network-functions/tcp-input.ts';
import { TcpProxy, tcpProxyEvents } from '../../actors/guest/network-functions/tcp-proxy.ts';
import { TCP_TERMINATE_EVENTS, TcpTerminate } from '../../actors/guest/network-functions/tcp-terminate.ts';
import type { Memory } from '../memory/arena.ts';
import { createUserFunction } from './function-module.ts';

/** What a function of this configuration counts: what `drops` and `events` of the one built from it will be. */
export function networkFunctionCounters(config: NetworkFunctionConfig): FunctionCounters {
  switch (config.kind) {
    case 'ip-forward':
      return { drops: IP_FORWARD_DROPS };
    case 'firewall':
      return { drops: firewallDrops(config) };
    case 'server':
      return { drops: SERVER_DROPS };
    case 'nat44':
      return { drops: NAT44_DROPS, events: NAT44_EVENTS };
    case 'load-balancer':
      return { drops: LOAD_BALANCER_DROPS, events: loadBalancerEvents(config) };
    case 'tcp-terminate':
      return { drops: TCP_INPUT_DROPS, events: TCP_TERMINATE_EVENTS };
    case 'tcp-proxy':
      return { drops: TCP_INPUT_DROPS, events: tcpProxyEvents(config) };
    case 'module':
      return { ...config.counters, events: config.counters.events?.map(ofModule) ?? [] };
  }
}

/** Builds a vCPU's own instance, on the thread that will run it. */
export function createNetworkFunction(
  memory: Memory,
  config: NetworkFunctionConfig,
  context: FunctionContext,
): NetworkFunction {
  switch (config.kind) {
    case 'ip-forward':
      return new IpForward(config);
    case 'firewall':
      return new Firewall(config);
    case 'server':
      return new Server(config);
    case 'nat44':
      return new Nat44(memory, config);
    case 'load-balancer':
      return new LoadBalancer(memory, config);
    case 'tcp-terminate':
      return new TcpTerminate(config, context);
    case 'tcp-proxy':
      return new TcpProxy(memory, config, context);
    case 'module':
      return createUserFunction(config, context);
  }
}

/** What is said of an event that a module names. */
function ofModule(name: string): EventCounter {
  return { name, meaning: 'counted by the module' };
}
