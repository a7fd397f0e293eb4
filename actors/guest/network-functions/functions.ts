/** Every network function that a guest can run, and the configuration that the plan gives one vCPU. */
import type { Memory } from '../../../src/memory/arena.ts';
import { FIREWALL } from './firewall.ts';
import { IP_FORWARD } from './ip-forward.ts';
import { LOAD_BALANCER } from './load-balancer.ts';
import { NAT44 } from './nat44.ts';
import type { BuiltInFunction, FunctionContext, NetworkFunction } from './network-function.ts';
import { SERVER } from './server.ts';
import { TCP_PROXY } from './tcp-proxy.ts';
import { TCP_TERMINATE } from './tcp-terminate.ts';
import type { UserFunctionConfig } from './user-function.ts';

const BUILT_IN = [IP_FORWARD, FIREWALL, SERVER, NAT44, LOAD_BALANCER, TCP_TERMINATE, TCP_PROXY] as const;

const BY_KIND = Object.fromEntries(BUILT_IN.map((each) => [each.kind, each])) as Readonly<Record<string, AnyFunction>>;

export type BuiltInConfig = Parameters<(typeof BUILT_IN)[number]['create']>[1];

/** What the plan says of the function one vCPU runs. */
export type NetworkFunctionConfig = BuiltInConfig | UserFunctionConfig;

/** Builds a vCPU's own instance, on the thread that will run it. */
export type FunctionFactory = (
  memory: Memory,
  config: NetworkFunctionConfig,
  context: FunctionContext,
) => NetworkFunction;

type AnyFunction = BuiltInFunction<BuiltInConfig['kind'], BuiltInConfig>;

/** The function that a configuration is of. */
export function builtInFunction({ kind }: BuiltInConfig): AnyFunction {
  return BY_KIND[kind];
}

/** CPU time that a frame takes more in this function than one that is forwarded, ns; a module's is what was declared. */
export function functionFrameNs(config: NetworkFunctionConfig): number {
  return config.kind === 'module' ? config.frameCostNs : (builtInFunction(config).moreFrameNs?.(config) ?? 0);
}
