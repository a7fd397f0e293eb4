import { endsTcp } from '../function-factory.ts';
import type { ActorSpec } from '../plan.ts';

/** What an actor's own code costs, without what the scenario declares. */
export interface ActorCost {
  /** A poll, whether it finds anything or not. */
  readonly pollNs: number;
  /** Each frame that the poll says it moved. */
  readonly frameNs: number;
}

export type VirtualCosts = Readonly<Record<ActorSpec['kind'], ActorCost>>;

/**
 * CPU time of the actors' own code on the thread host, 64-byte frames, measured by `npm run bench`. The virtual host
 * charges it in place of the time that it cannot let pass.
 */
export const MEASURED_COSTS: VirtualCosts = {
  generator: { pollNs: 57, frameNs: 40 },
  client: { pollNs: 70, frameNs: 2300 },
  sink: { pollNs: 56, frameNs: 57 },
  nic: { pollNs: 78, frameNs: 34 },
  softirq: { pollNs: 121, frameNs: 19 },
  bridge: { pollNs: 60, frameNs: 35 },
  tap: { pollNs: 33, frameNs: 6 },
  vhost: { pollNs: 121, frameNs: 74 },
  'vhost-accelerated': { pollNs: 200, frameNs: 21 },
  'vhost-control': { pollNs: 60, frameNs: 1000 },
  // Not part of the bench: each polled alone, 64 frames at a time; an e1000's register access counts as a frame.
  qemu: { pollNs: 65, frameNs: 115 },
  e1000: { pollNs: 75, frameNs: 300 },
  vcpu: { pollNs: 106, frameNs: 105 },
  'guest-timer': { pollNs: 15, frameNs: 0 },
  vmm: { pollNs: 100, frameNs: 1000 },
};

/** What a frame that ends at a TCP endpoint takes more, a share of its connection included: 256 bytes in, 1,024 out. */
const TCP_FRAME_NS = 2_800;
/** And with a TLS record each way, most of it for the connection's keys. */
const TLS_FRAME_NS = 16_000;
/** Of the seven frames a proxy has of a connection four come from the client, with the TLS; three from the server. */
const PROXY_TLS_SHARE = 4 / 7;

/** The cost of an actor as it is configured. */
export function costOf(spec: ActorSpec, costs: VirtualCosts): ActorCost {
  const { pollNs, frameNs } = costs[spec.kind];
  if (spec.kind === 'vcpu' && endsTcp(spec.nf)) {
    const tlsNs = TLS_FRAME_NS * (spec.nf.kind === 'tcp-proxy' ? PROXY_TLS_SHARE : 1);
    return { pollNs, frameNs: frameNs + TCP_FRAME_NS + (spec.nf.tlsSecret === null ? 0 : tlsNs) };
  }
  if (spec.kind === 'client' && spec.config.tlsSecret !== null) return { pollNs, frameNs: frameNs + TLS_FRAME_NS };
  return { pollNs, frameNs };
}
