import type { Memory } from '../../src/memory/arena.ts';
import { copyWords } from '../../src/memory/copy-words.ts';
import { EventWord, Ringer } from '../../src/memory/doorbell.ts';
import { SLOT_FRAME_BYTES_MAX } from '../../src/memory/frame-pool.ts';
import type { WireReceiver, WireSender } from '../../src/memory/wire-ring.ts';
import { ETH_HEADER_BYTES } from '../../src/net/ethernet.ts';
import { GuestMemory } from '../../src/virtio/guest-memory.ts';
import { NET_HEADER_BYTES, writeNetHeader } from '../../src/virtio/net-header.ts';
import type { NicVnicLink } from '../nic-links.ts';
import { DirectPort } from './direct-vring.ts';
import type { DpaaPort } from './dpaa.ts';
import { createPort } from './queues.ts';
import type { SriovPort } from './sriov.ts';

/** One vNIC inside the NIC: its queues, and the DMA between the wire and its guest's memory. */
export class NicVnic {
  readonly queues: DpaaPort | SriovPort | DirectPort;
  private readonly guest: GuestMemory;
  private readonly event: EventWord | null;
  private readonly rxPeers: readonly Ringer[];
  private readonly txPeers: readonly Ringer[];
  private readonly notifyGapNs: number;
  private delivered = 0;
  /** Frames were received, or sent, that the other side has not been told of. */
  private rxPending = false;
  private txPending = false;
  private nextNotifyNs = 0;

  /** @param notifyGapNs least time between two notifications: the card's interrupt moderation. */
  constructor(memory: Memory, link: NicVnicLink, notifyGapNs: number) {
    this.guest = new GuestMemory(memory.buffer(link.guestMemory));
    this.queues = createPort(memory, link.queues, this.guest);
    this.event = link.event === null ? null : new EventWord(memory, link.event);
    this.rxPeers = link.rxDoorbells.map((region) => new Ringer(memory, region));
    this.txPeers = link.txDoorbells.map((region) => new Ringer(memory, region));
    this.notifyGapNs = notifyGapNs;
  }

  /** The oldest frame on the wire into the guest's next buffer; false when there is none. */
  receive(wire: WireReceiver, length: number): boolean {
    const queues = this.queues;
    if (!queues.accepts(length + NET_HEADER_BYTES)) return false;
    const addr = queues.takeBuffer();
    const guest = this.guest;
    writeNetHeader(guest, addr);
    const to = addr + NET_HEADER_BYTES;
    const words = (addr & 3) === 0 ? length >> 2 : 0;
    if (words > 0) copyWords(guest.i32, to >> 2, wire.words, wire.frameWord(), words);
    const from = wire.frameByte();
    for (let at = words << 2; at < length; at++) guest.u8[to + at] = wire.bytes[from + at];
    queues.deliver(length + NET_HEADER_BYTES);
    this.delivered++;
    return true;
  }

  /** Makes received frames visible. Once a batch. */
  publishRx(): void {
    if (this.delivered === 0) return;
    this.delivered = 0;
    if (this.queues.publishRx()) this.rxPending = true;
  }

  /** The guest's next frame into the wire's next cell; its length without header, 0 when it cannot be sent. */
  send(wire: WireSender): number {
    const queues = this.queues;
    queues.nextSend();
    const length = queues.sendBytes - NET_HEADER_BYTES;
    if (length < ETH_HEADER_BYTES || length > SLOT_FRAME_BYTES_MAX) return 0;
    const from = queues.sendAddr + NET_HEADER_BYTES;
    const guest = this.guest;
    if ((from & 3) === 0) {
      copyWords(wire.words, wire.frameWord(), guest.i32, from >> 2, (length + 3) >> 2);
    } else {
      const to = wire.frameByte();
      for (let at = 0; at < length; at++) wire.bytes[to + at] = guest.u8[from + at];
    }
    return length;
  }

  /** Hands sent buffers back. Once a batch. */
  publishTx(): void {
    if (this.queues.publishTx()) this.txPending = true;
  }

  /** Tells the other side what happened since it was told last, if moderation allows. */
  notify(nowNs: number): boolean {
    if (this.queues instanceof DirectPort) this.queues.refresh();
    if ((!this.rxPending && !this.txPending) || nowNs < this.nextNotifyNs) return false;
    this.nextNotifyNs = nowNs + this.notifyGapNs;
    if (this.event !== null) this.event.signal();
    if (this.rxPending) for (let i = 0; i < this.rxPeers.length; i++) this.rxPeers[i].ring();
    if (this.txPending) for (let i = 0; i < this.txPeers.length; i++) this.txPeers[i].ring();
    this.rxPending = false;
    this.txPending = false;
    return true;
  }

  faults(): string[] {
    return this.queues instanceof DirectPort ? this.queues.faults() : [];
  }
}
