/** Every network function a guest can run: its configuration by kind, its drop reasons, and how it is built. */
import type { IpForwardConfig } from './ip-forward.ts';
import { IP_FORWARD_DROPS, IpForward } from './ip-forward.ts';
import type { NetworkFunction } from './network-function.ts';

/** What the plan says of the function one vCPU runs. */
export type NetworkFunctionConfig = IpForwardConfig;

/** The reasons a function of this configuration drops for: what `drops` of the one built from it will be. */
export function networkFunctionDrops(config: NetworkFunctionConfig): NetworkFunction['drops'] {
  switch (config.kind) {
    case 'ip-forward':
      return IP_FORWARD_DROPS;
  }
}

/** Builds a vCPU's own instance, on the thread that will run it. */
export function createNetworkFunction(config: NetworkFunctionConfig): NetworkFunction {
  switch (config.kind) {
    case 'ip-forward':
      return new IpForward(config);
  }
}
