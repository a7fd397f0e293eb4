import { IpForward } from 'vhostlab/ip-forward';
import { dropped } from 'vhostlab/network-function';
import type { NetworkFunctionFactory } from 'vhostlab/user-function';

/** A policer: routes 20,000 frames a second on each vCPU, in bursts of up to 64, and drops what is above that. */
const buildPolicer: NetworkFunctionFactory = (guest) => {
  const router = new IpForward(guest);
  let tokens = 64;
  let lastNs = 0;
  return {
    name: 'policer',
    drops: [...router.drops, { name: 'nf_policed', reason: 'above the committed rate' }],
    process(bytes, offset, length, port, nowNs) {
      tokens = Math.min(64, tokens + (nowNs - lastNs) * 20e-6);
      lastNs = nowNs;
      if (tokens < 1) return dropped(router.drops.length);
      tokens -= 1;
      return router.process(bytes, offset, length, port);
    },
  };
};

export default buildPolicer;
