/** What a generator sends and what a sink expects, as a plan says it, and the sources and checks built from that. */
import type { Memory } from '../../memory/arena.ts';
import { ReplayCheck } from '../capture/replay-check.ts';
import type { ReplayStream } from '../capture/replay-tag.ts';
import { ReplayTraffic } from '../capture/replay-traffic.ts';
import { VLAN_TAG_BYTES } from '../wire/ethernet.ts';
import { VLAN_NONE } from '../wire/vlan.ts';
import type { FlowSpec } from './flow-templates.ts';
import type { ExpectedStream } from './generated-check.ts';
import { GeneratedCheck } from './generated-check.ts';
import type { StreamProtocol } from '../choices.ts';
import { TaggedCheck } from './tagged-check.ts';
import type { TrafficCheck } from './traffic-check.ts';
import { GeneratedTraffic, TaggedTraffic } from './traffic-source.ts';
import type { TrafficSource } from './traffic-source.ts';

/** Where one stream's frames come from. */
export type SourcePlan = (
  | {
      readonly kind: 'generated';
      readonly flows: FlowSpec;
      readonly protocol: StreamProtocol;
      /** Frame sizes with FCS, sent in turn. */
      readonly sizesBytes: readonly number[];
    }
  | { readonly kind: 'capture'; readonly stream: ReplayStream }
) & {
  /** VLAN that the frames are sent in; VLAN_NONE for without a tag. */
  readonly vlan: number;
};

/** What a sink expects, stream by stream. */
export type CheckPlan = (
  | { readonly kind: 'generated'; readonly streams: readonly ExpectedStream[] }
  | { readonly kind: 'capture'; readonly streams: readonly ReplayStream[] }
) & {
  /** For each stream the VLANs it may arrive in; VLAN_NONE for without a tag. */
  readonly vlans: readonly (readonly number[])[];
};

/** Builds a source. */
export function createSource(plan: SourcePlan, memory: Memory): TrafficSource {
  const isTagged = plan.vlan !== VLAN_NONE;
  const addedBytes = isTagged ? VLAN_TAG_BYTES : 0;
  const source =
    plan.kind === 'capture'
      ? new ReplayTraffic(memory, plan.stream, addedBytes)
      : new GeneratedTraffic(plan.flows, plan.sizesBytes, addedBytes, plan.protocol);
  return isTagged ? new TaggedTraffic(source, plan.vlan) : source;
}

/** Builds a check. */
export function createCheck(plan: CheckPlan, memory: Memory): TrafficCheck {
  const check = plan.kind === 'capture' ? new ReplayCheck(memory, plan.streams) : new GeneratedCheck(plan.streams);
  return plan.vlans.flat().every((vlan) => vlan === VLAN_NONE) ? check : new TaggedCheck(check, plan.vlans);
}
