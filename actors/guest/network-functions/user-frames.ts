import { ETH_HEADER_BYTES } from '../../../src/net/wire/ethernet.ts';
import type { FunctionContext } from './network-function.ts';

/** For a function that is built only to find out what it counts. */
export const NO_FRAMES: FunctionContext = {
  bytes: new Uint8Array(0),
  frameBytesMax: 0,
  claim: () => -1,
  send: () => undefined,
  release: () => undefined,
};

/** A vNIC that is not there: the driver counts the frame as nf_errors. */
export const NO_SUCH_PORT = 0x7fff_ffff;

/**
 * Buffers for frames that a user's function makes itself, lent for one call: those it neither sends nor releases come
 * back when the call ends, however it ends, so that none is lost and none is sent twice.
 */
export class UserFrames implements FunctionContext {
  readonly bytes: Uint8Array;
  readonly frameBytesMax: number;
  private readonly frames: FunctionContext;
  /** The first `held` are places claimed in the call that runs. */
  private readonly places: number[] = [];
  private held = 0;
  private lending = false;

  constructor(frames: FunctionContext) {
    this.frames = frames;
    this.bytes = frames.bytes;
    this.frameBytesMax = frames.frameBytesMax;
  }

  beginCall(): void {
    this.lending = true;
  }

  endCall(): void {
    this.lending = false;
    while (this.held > 0) this.frames.release(this.places[--this.held]);
  }

  /** As in FunctionContext; -1 also outside of a call. */
  claim(): number {
    const at = this.lending ? this.frames.claim() : -1;
    if (at >= 0) this.places[this.held++] = at;
    return at;
  }

  /** @throws RangeError for a length that is no frame's, or a place that was not claimed in this call. */
  send(at: number, lengthBytes: number, port: number): void {
    if (!Number.isInteger(lengthBytes) || lengthBytes < ETH_HEADER_BYTES || lengthBytes > this.frameBytesMax) {
      throw new RangeError(`a frame of ${lengthBytes} bytes, allowed: ${ETH_HEADER_BYTES} to ${this.frameBytesMax}`);
    }
    this.giveUp(at);
    this.frames.send(at, lengthBytes, (port | 0) === port && port >= 0 ? port : NO_SUCH_PORT);
  }

  /** @throws RangeError for a place that was not claimed in this call. */
  release(at: number): void {
    this.giveUp(at);
    this.frames.release(at);
  }

  private giveUp(at: number): void {
    for (let i = this.held - 1; i >= 0; i--) {
      if (this.places[i] !== at) continue;
      this.places[i] = this.places[--this.held];
      return;
    }
    throw new RangeError(`no buffer at ${at}: it was not claimed in this call, or is gone already`);
  }
}
