import { FlowTemplates, type FlowSpec } from './flow-templates.ts';
import { FrameSchedule } from './frame-schedule.ts';
import { StampedTemplates } from './stamped-frames.ts';
import type { StreamProtocol } from '../choices.ts';
import { inTurn } from '../tables/in-turn.ts';
import { VLAN_TAG_BYTES } from '../wire/ethernet.ts';
import { insertTag } from '../wire/vlan.ts';

/** Where a stream's frames come from. `write` puts frame `seq` at byte `offset` and returns its length without FCS. */
export interface TrafficSource {
  /** What paces it besides the number of its frames; null for frames of one size. */
  readonly schedule: FrameSchedule | null;
  write(bytes: Uint8Array, words: Int32Array, offset: number, seq: number, sendNs: number): number;
}

/** Generated frames: the flows in turn, the frame sizes in turn. */
export class GeneratedTraffic implements TrafficSource {
  readonly schedule: FrameSchedule | null;
  private readonly templates: FlowTemplates | StampedTemplates;
  /** For each place in the repeating order of sizes, the template to use. */
  private readonly order: Int32Array;

  /**
   * @param sizesBytes the repeating order of frame sizes, FCS included.
   * @param addedBytes what each gets on top before it is sent.
   */
  constructor(flows: FlowSpec, sizesBytes: readonly number[], addedBytes = 0, protocol: StreamProtocol = 'udp') {
    const distinct = [...new Set(sizesBytes)];
    const sent = Float64Array.from(sizesBytes, (size) => size + addedBytes);
    this.schedule = distinct.length === 1 ? null : new FrameSchedule(sent);
    this.templates =
      protocol === 'udp' ? new FlowTemplates(flows, distinct) : new StampedTemplates(flows, protocol, distinct);
    this.order = Int32Array.from(sizesBytes, (size) => distinct.indexOf(size));
  }

  write(bytes: Uint8Array, words: Int32Array, offset: number, seq: number, sendNs: number): number {
    const order = this.order;
    const sizeIndex = order.length === 1 ? order[0] : order[inTurn(seq, order.length)];
    return this.templates.write(bytes, words, offset, sizeIndex, inTurn(seq, this.templates.flowCount), seq, sendNs);
  }
}

/** Another source's frames in a VLAN. */
export class TaggedTraffic implements TrafficSource {
  readonly schedule: FrameSchedule | null;
  private readonly source: TrafficSource;
  private readonly vlan: number;

  /** @param vlan 1..4094. */
  constructor(source: TrafficSource, vlan: number) {
    this.source = source;
    this.schedule = source.schedule;
    this.vlan = vlan;
  }

  write(bytes: Uint8Array, words: Int32Array, offset: number, seq: number, sendNs: number): number {
    const length = this.source.write(bytes, words, offset + VLAN_TAG_BYTES, seq, sendNs);
    insertTag(words, offset >> 2, this.vlan);
    return length + VLAN_TAG_BYTES;
  }
}
