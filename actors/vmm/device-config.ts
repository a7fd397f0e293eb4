/**
 * In QEMU: the properties of a network device.
 * In and out: nothing, this is data for qemu-backend.ts and e1000.ts.
 * Thread: none.
 */
import type { Region } from '../../src/memory/arena.ts';
import type { TapFileConfig } from './tap-file.ts';

/** What a device is built from that moves frames between a tap's file descriptor and its guest, on the VMM's main loop. */
export interface DeviceConfig {
  readonly name: string;
  readonly counters: Region;
  readonly tap: TapFileConfig;
  readonly costs: {
    /** A frame out of the tap, and into it: the kernel's work and the VMM's. */
    readonly readNs: number;
    readonly writeNs: number;
    readonly syscallNs: number;
    readonly callInjectNs: number;
    readonly wakeupNs: number;
  };
}
