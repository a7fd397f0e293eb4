/**
 * Receive buffers gathered for one frame that is longer than a single chain (get_rx_bufs, drivers/vhost/net.c), with
 * VIRTIO_NET_F_MRG_RXBUF: the frame is spread over as many chains as it takes, its header says how many, and their used
 * entries become visible together (VIRTIO 1.x section 5.1.6.4).
 */
import { copyWords } from '../../memory/copy-words.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import { NET_HEADER_BYTES, netHeaderByte } from '../net/net-header.ts';
import type { DeviceQueue } from './ring-format.ts';

/** Chains, and buffers, that one frame may take: UIO_MAXIOV, the size of vq->heads. */
export const RX_CHAINS_MAX = 1024;

/** What became of a frame: it has its buffers; it waits for the guest to post more; no number of them would do. */
export const PLACED = 1;
export const TOO_FEW_BUFFERS = 0;
export const TOO_LONG = -1;

export class RxBuffers {
  private readonly heads = new Int32Array(RX_CHAINS_MAX);
  /** Bytes of each chain. */
  private readonly chainBytes = new Int32Array(RX_CHAINS_MAX);
  private readonly addrs = new Int32Array(RX_CHAINS_MAX);
  private readonly lens = new Int32Array(RX_CHAINS_MAX);
  private chains = 0;
  private buffers = 0;
  private readonly guest: GuestMemory;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;

  /** @param words, bytes host memory, from which frames are copied: two views of the same. */
  constructor(guest: GuestMemory, words: Int32Array, bytes: Uint8Array) {
    this.guest = guest;
    this.words = words;
    this.bytes = bytes;
  }

  /**
   * Puts header and frame of `length` bytes over as many chains as they take, the one popped last being the first, and
   * stages them as used. Without `mergeable` one chain is all there may be.
   *
   * @returns PLACED; or, everything given back, TOO_FEW_BUFFERS (also when the queue broke meanwhile) or TOO_LONG.
   */
  place(queue: DeviceQueue, head: number, fromByte: number, length: number, mergeable: boolean): number {
    if (!mergeable) {
      queue.discard(1);
      return TOO_LONG;
    }
    const gathered = this.gather(queue, head, NET_HEADER_BYTES + length);
    if (gathered !== PLACED) return gathered;
    this.write(fromByte, length);
    this.use(queue, NET_HEADER_BYTES + length);
    return PLACED;
  }

  private gather(queue: DeviceQueue, head: number, bytes: number): number {
    let popped = head;
    let room = 0;
    this.chains = 0;
    this.buffers = 0;
    for (;;) {
      if (popped < 0) {
        queue.discard(this.chains);
        return TOO_FEW_BUFFERS;
      }
      if (this.buffers + queue.chainCount > RX_CHAINS_MAX) {
        queue.discard(this.chains + 1);
        return TOO_LONG;
      }
      this.heads[this.chains] = popped;
      this.chainBytes[this.chains] = queue.writableBytes;
      this.chains++;
      for (let b = 0; b < queue.chainCount; b++) {
        this.addrs[this.buffers] = queue.chainAddr[b];
        this.lens[this.buffers] = queue.chainLen[b];
        this.buffers++;
      }
      room += queue.writableBytes;
      if (room >= bytes) return PLACED;
      popped = queue.pop();
    }
  }

  private write(fromByte: number, length: number): void {
    const { guest, words, bytes } = this;
    const total = NET_HEADER_BYTES + length;
    let at = 0;
    for (let b = 0; b < this.buffers && at < total; b++) {
      let to = this.addrs[b];
      const end = Math.min(total, at + this.lens[b]);
      for (; at < end && at < NET_HEADER_BYTES; at++, to++) guest.u8[to] = netHeaderByte(at, this.chains);
      const from = fromByte + at - NET_HEADER_BYTES;
      const whole = ((to | from) & 3) === 0 ? (end - at) >> 2 : 0;
      copyWords(guest.i32, to >> 2, words, from >> 2, whole);
      for (let i = whole * 4; i < end - at; i++) guest.u8[to + i] = bytes[from + i];
      at = end;
    }
  }

  private use(queue: DeviceQueue, total: number): void {
    let left = total;
    for (let c = 0; c < this.chains; c++) {
      const used = Math.min(left, this.chainBytes[c]);
      queue.pushUsed(this.heads[c], used);
      left -= used;
    }
  }
}
