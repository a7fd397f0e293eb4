/** What the actors in the kernel's place spend on a frame themselves, ns: it is not declared besides. */
import { BRIDGE } from '../../../actors/host/bridge.ts';
import { SOFTIRQ } from '../../../actors/host/softirq.ts';
import { TAP } from '../../../actors/host/tap.ts';
import { VHOST } from '../../../actors/host/vhost-worker.ts';
import { NIC } from '../../../actors/wire/nic/nic.ts';

export const ACTOR_COSTS = {
  nic: NIC.measuredCost.frameNs,
  softirq: SOFTIRQ.measuredCost.frameNs,
  bridge: BRIDGE.measuredCost.frameNs,
  tap: TAP.measuredCost.frameNs,
  vhost: VHOST.measuredCost.frameNs,
} as const;
