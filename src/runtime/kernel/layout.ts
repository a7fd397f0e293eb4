/** What a run needs of this machine's own kernel: plain data, made by the plan and built by the host. */
import type { Region } from '../../memory/arena.ts';

/** The packet socket on the outer end of a port: its counter page, and the name that it is opened under. */
export interface KernelSocketPlan {
  readonly descriptor: string;
  readonly counters: Region;
}

/** A port as a veth pair. */
export interface KernelPortPlan {
  readonly name: string;
  readonly mtuBytes: number;
  readonly counters: Region;
  /** Null where the outer end is in a namespace of programs. */
  readonly socket: KernelSocketPlan | null;
}

export interface KernelTapPlan {
  readonly name: string;
  readonly mtuBytes: number;
  /** txqueuelen: how many frames its queue holds. */
  readonly queueFrames: number;
  readonly counters: Region;
  readonly file: { readonly descriptor: string; readonly counters: Region };
  /** Thread that reads it: it sleeps on the tap. */
  readonly thread: string;
}

export interface KernelBridgePlan {
  readonly name: string;
  readonly ageingNs: number;
  readonly ports: readonly KernelPortPlan[];
  readonly taps: readonly KernelTapPlan[];
  readonly counters: Region;
}

export interface KernelLayout {
  readonly bridges: readonly KernelBridgePlan[];
  /** Ports poll in a kernel thread of their own instead of in softirq. */
  readonly threadedNapi: boolean;
}

/** The far end of a port's wire. */
export const wireEnd = (port: string): string => `${port}.w`;
