import { readSync } from 'node:fs';

const FRAME_BYTES_MAX = 1 << 16;

/** Reads frames from a socket or tap that does not block until there is none. @returns how many there were. */
export function drain(descriptor: number): number {
  const buffer = Buffer.alloc(FRAME_BYTES_MAX);
  for (let frames = 0; ; frames++) {
    try {
      readSync(descriptor, buffer, 0, buffer.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return frames;
      throw error;
    }
  }
}
