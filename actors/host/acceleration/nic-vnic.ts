/**
 * In Linux: nothing; a virtual function of the card, as its hardware keeps it.
 * In: frames of the wire or of other vNICs (../../wire/nic/nic.ts). Out: the guest's memory, and its frames to the
 * card.
 * Thread: the card's.
 */
import type { Memory } from '../../../src/memory/arena.ts';
import { copyWords } from '../../../src/memory/copy-words.ts';
import { EventWord, ringAll, ringersOf } from '../../../src/memory/doorbell.ts';
import type { Ringer } from '../../../src/memory/doorbell.ts';
import type { WireSender } from '../../../src/memory/wire-ring.ts';
import { ETH_HEADER_BYTES, ETH_TYPE_BYTE, VLAN_TAG_BYTES } from '../../../src/net/wire/ethernet.ts';
import { VLAN_NONE, insertTag } from '../../../src/net/wire/vlan.ts';
import { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { ReceiveSideScaling, evenIndirection } from '../../../src/net/tables/receive-side-scaling.ts';
import { ActivePairs } from '../../../src/virtio/guest/active-pairs.ts';
import { NET_HEADER_BYTES, writeNetHeader } from '../../../src/virtio/net/net-header.ts';
import type { NicVnicLink, NicVnicPairLink } from '../../wire/nic/nic-links.ts';
import { DirectPort } from './direct-vring.ts';
import type { DpaaPort } from './dpaa.ts';
import { createPort } from './queues.ts';
import type { SriovPort } from './sriov.ts';

/** What became of a frame for a vNIC. */
export const VNIC_RECEIVED = 0;
export const VNIC_NO_BUFFER = 1;
export const VNIC_TOO_LONG = 2;

/** Destination and source, before a tag. */
const ADDRESSES_BYTES = ETH_TYPE_BYTE;

/** One queue pair of a vNIC inside the NIC: its queues, and the DMA between the wire and its guest's memory. */
export class NicVnicPair {
  readonly queues: DpaaPort | SriovPort | DirectPort;
  private readonly guest: GuestMemory;
  private readonly event: EventWord | null;
  private readonly rxPeers: readonly Ringer[];
  private readonly txPeers: readonly Ringer[];
  private readonly notifyGapNs: number;
  private readonly vlan: number;
  /** What its frames are longer by on the wire than in the guest. */
  private readonly tagBytes: number;
  private delivered = 0;
  /** Frames were received, or sent, that the other side has not been told of. */
  private rxPending = false;
  private txPending = false;
  private nextNotifyNs = 0;

  /**
   * @param vlan VLAN of its vNIC, or VLAN_NONE.
   * @param notifyGapNs least time between two notifications: the card's interrupt moderation.
   */
  constructor(memory: Memory, guest: GuestMemory, link: NicVnicPairLink, vlan: number, notifyGapNs: number) {
    this.guest = guest;
    this.vlan = vlan;
    this.tagBytes = vlan === VLAN_NONE ? 0 : VLAN_TAG_BYTES;
    this.queues = createPort(memory, link.queues, guest);
    this.event = link.event === null ? null : new EventWord(memory, link.event);
    this.rxPeers = ringersOf(memory, link.rxDoorbells);
    this.txPeers = ringersOf(memory, link.txDoorbells);
    this.notifyGapNs = notifyGapNs;
  }

  /**
   * The frame at byte `from` of the card's memory, without the tag of its VLAN, into the guest's next buffer; what became
   * of it.
   */
  receive(memory: Int32Array, bytes: Uint8Array, from: number, length: number): number {
    const queues = this.queues;
    const tagBytes = this.tagBytes;
    const used = length - tagBytes + NET_HEADER_BYTES;
    if (!queues.accepts(used)) return queues.hasBuffer ? VNIC_TOO_LONG : VNIC_NO_BUFFER;
    const addr = queues.takeBuffer();
    writeNetHeader(this.guest, addr);
    const to = addr + NET_HEADER_BYTES;
    if (tagBytes === 0) {
      this.copyIn(to, memory, bytes, from, length);
    } else {
      const rest = ADDRESSES_BYTES + tagBytes;
      this.copyIn(to, memory, bytes, from, ADDRESSES_BYTES);
      this.copyIn(to + ADDRESSES_BYTES, memory, bytes, from + rest, length - rest);
    }
    queues.deliver(used);
    this.delivered++;
    return VNIC_RECEIVED;
  }

  private copyIn(to: number, memory: Int32Array, bytes: Uint8Array, from: number, length: number): void {
    const guest = this.guest;
    const words = ((to | from) & 3) === 0 ? length >> 2 : 0;
    if (words > 0) copyWords(guest.i32, to >> 2, memory, from >> 2, words);
    for (let at = words << 2; at < length; at++) guest.u8[to + at] = bytes[from + at];
  }

  /** Makes received frames visible. Once a batch. */
  publishRx(): void {
    if (this.delivered === 0) return;
    this.delivered = 0;
    if (this.queues.publishRx()) this.rxPending = true;
  }

  /**
   * The guest's next frame, with the tag of its VLAN, into the wire's next cell; its length there, 0 when it cannot be
   * sent.
   */
  send(wire: WireSender): number {
    const queues = this.queues;
    queues.nextSend();
    const length = queues.sendBytes - NET_HEADER_BYTES;
    const tagBytes = this.tagBytes;
    if (length < ETH_HEADER_BYTES || length + tagBytes > wire.frameBytesMax) return 0;
    const from = queues.sendAddr + NET_HEADER_BYTES;
    const to = wire.frameByte() + tagBytes;
    const guest = this.guest;
    if ((from & 3) === 0) {
      copyWords(wire.words, to >> 2, guest.i32, from >> 2, (length + 3) >> 2);
    } else {
      for (let at = 0; at < length; at++) wire.bytes[to + at] = guest.u8[from + at];
    }
    if (tagBytes !== 0) insertTag(wire.words, wire.frameWord(), this.vlan);
    return length + tagBytes;
  }

  /** Hands sent buffers back. Once a batch. */
  publishTx(): void {
    if (this.queues.publishTx()) this.txPending = true;
  }

  /** Tells the other side what happened since it was told last, if moderation allows. */
  notify(nowNs: number): boolean {
    if (this.queues.refresh()) this.rxPending = true;
    if ((!this.rxPending && !this.txPending) || nowNs < this.nextNotifyNs) return false;
    this.nextNotifyNs = nowNs + this.notifyGapNs;
    if (this.event !== null) this.event.signal();
    if (this.rxPending) ringAll(this.rxPeers);
    if (this.txPending) ringAll(this.txPeers);
    this.rxPending = false;
    this.txPending = false;
    return true;
  }

  faults(): string[] {
    return this.queues instanceof DirectPort ? this.queues.faults() : [];
  }
}

/** One vNIC inside the NIC: each of its flows goes to one of the queue pairs that the guest uses. */
export class NicVnic {
  readonly pairs: readonly NicVnicPair[];
  /** Its number in the card. */
  readonly index: number;
  private readonly active: ActivePairs;
  /** Distributes over the pairs; none where there is one only. */
  private readonly rss: ReceiveSideScaling | null;
  private used = 1;

  /** @param notifyGapNs least time between two notifications of a pair: the card's interrupt moderation. */
  constructor(memory: Memory, link: NicVnicLink, index: number, notifyGapNs: number) {
    this.index = index;
    const guest = new GuestMemory(memory.buffer(link.guestMemory));
    this.pairs = link.pairs.map((pair) => new NicVnicPair(memory, guest, pair, link.vlan, notifyGapNs));
    this.active = new ActivePairs(memory, link.activePairs);
    this.rss = this.pairs.length === 1 ? null : new ReceiveSideScaling(evenIndirection(this.used));
  }

  /** Takes over how many pairs the guest uses. Once a poll. */
  refresh(): void {
    if (this.rss === null) return;
    const used = this.active.get();
    if (used === this.used) return;
    this.used = used;
    this.rss.setIndirection(evenIndirection(used));
  }

  /**
   * The frame at byte `from`, on the wire or in the card's own memory, into a buffer of its flow's pair; what became of
   * it. `words` and `bytes` view the same memory from the same start.
   */
  receive(words: Int32Array, bytes: Uint8Array, from: number, length: number): number {
    const pair = this.rss === null ? 0 : this.rss.queueOf(bytes, from, length);
    return this.pairs[pair].receive(words, bytes, from, length);
  }

  /** Makes received frames visible. Once a batch. */
  publishRx(): void {
    for (let p = 0; p < this.pairs.length; p++) this.pairs[p].publishRx();
  }

  framesHeld(): number {
    return this.pairs.reduce((sum, pair) => sum + pair.queues.framesHeld(), 0);
  }

  /** Virtqueue errors where the card serves the guest's rings. */
  faults(): string[] {
    return this.pairs.flatMap((pair, p) => pair.faults().map((text) => (p === 0 ? text : `pair ${p}: ${text}`)));
  }
}
