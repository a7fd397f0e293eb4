import type { Magazine } from '../../../src/memory/magazine.ts';
import type { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { NET_HEADER_BYTES, writeNetHeader } from '../../../src/virtio/net/net-header.ts';
import type { FunctionContext } from './network-function.ts';

/** Buffers of the guest for frames that a function makes itself. */
export class OwnFrames implements FunctionContext {
  readonly bytes: Uint8Array;
  readonly frameBytesMax: number;
  private readonly guest: GuestMemory;
  private readonly buffers: Magazine;
  private readonly transmit: (port: number, addr: number, lengthBytes: number) => void;

  /** @param transmit queues the frame in the buffer at `addr`, or drops it. */
  constructor(
    guest: GuestMemory,
    buffers: Magazine,
    frameBytesMax: number,
    transmit: (port: number, addr: number, lengthBytes: number) => void,
  ) {
    this.bytes = guest.u8;
    this.guest = guest;
    this.buffers = buffers;
    this.frameBytesMax = frameBytesMax;
    this.transmit = transmit;
  }

  claim(): number {
    return this.buffers.available(1) === 0 ? -1 : this.buffers.take() + NET_HEADER_BYTES;
  }

  send(at: number, lengthBytes: number, port: number): void {
    const addr = at - NET_HEADER_BYTES;
    writeNetHeader(this.guest, addr);
    this.transmit(port, addr, lengthBytes);
  }

  release(at: number): void {
    this.buffers.put(at - NET_HEADER_BYTES);
  }
}
