import { FRAME_CORRUPT, FRAME_FOREIGN } from './traffic-check.ts';
import type { TrafficCheck } from './traffic-check.ts';
import { VLAN_TAG_BYTES } from '../wire/ethernet.ts';
import { VLAN_NONE, insertTag, removeTag, vlanOf } from '../wire/vlan.ts';

/**
 * Checks the VLAN of each frame, and by another check what is inside. A frame that arrives in a VLAN which is not one
 * of its stream's is corrupt.
 */
export class TaggedCheck implements TrafficCheck {
  sentNs = 0;
  streamIndex = 0;
  private readonly inside: TrafficCheck;
  private readonly vlans: readonly (readonly number[])[];

  /** @param vlans for each stream that arrives here the VLANs it may arrive in, VLAN_NONE for without a tag. */
  constructor(inside: TrafficCheck, vlans: readonly (readonly number[])[]) {
    this.inside = inside;
    this.vlans = vlans;
  }

  /** Takes the tag out of the frame, and puts it back into a foreign one. */
  verify(bytes: Uint8Array, words: Int32Array, offset: number, length: number): number {
    const vlan = vlanOf(bytes, offset);
    const tagBytes = vlan === VLAN_NONE ? 0 : VLAN_TAG_BYTES;
    if (tagBytes !== 0) removeTag(words, offset >> 2);
    const verdict = this.inside.verify(bytes, words, offset + tagBytes, length - tagBytes);
    if (verdict === FRAME_FOREIGN && tagBytes !== 0) insertTag(words, offset >> 2, vlan);
    if (verdict === FRAME_FOREIGN || verdict === FRAME_CORRUPT) return verdict;
    this.sentNs = this.inside.sentNs;
    this.streamIndex = this.inside.streamIndex;
    return this.vlans[this.streamIndex].includes(vlan) ? verdict : FRAME_CORRUPT;
  }
}
