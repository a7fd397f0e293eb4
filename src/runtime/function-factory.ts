/** Network functions of either origin: what each counts, and how it is built. */
import { builtInFunction } from '../../actors/guest/network-functions/functions.ts';
import type { NetworkFunctionConfig } from '../../actors/guest/network-functions/functions.ts';
import type {
  EventCounter,
  FunctionContext,
  FunctionCounters,
  NetworkFunction,
} from '../../actors/guest/network-functions/network-function.ts';
import type { Memory } from '../memory/arena.ts';
import { createUserFunction } from './function-module.ts';

/** What a function of this configuration counts: what `drops` and `events` of the one built from it will be. */
export function networkFunctionCounters(config: NetworkFunctionConfig): FunctionCounters {
  if (config.kind === 'module') return { ...config.counters, events: config.counters.events?.map(ofModule) ?? [] };
  return builtInFunction(config).counters(config);
}

/** Builds a vCPU's own instance, on the thread that will run it. */
export function createNetworkFunction(
  memory: Memory,
  config: NetworkFunctionConfig,
  context: FunctionContext,
): NetworkFunction {
  if (config.kind === 'module') return createUserFunction(config, context);
  return builtInFunction(config).create(memory, config, context);
}

/** What is said of an event that a module names. */
function ofModule(name: string): EventCounter {
  return { name, meaning: 'counted by the module' };
}
