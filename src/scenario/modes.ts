/**
 * How frames reach a guest: one row a mode, one column a fact. Whoever wants to know something about a mode asks here;
 * how each is planned stands in the table of src/plan/backends.
 */
import { wordsInARow } from '../text/lists.ts';

export interface ModeFacts {
  /** What it is, in a few words for the help. */
  readonly meaning: string;
  /** Who moves frames between the host and the guest's queues: a worker of vhost, the VMM's main loop, or the NIC. */
  readonly servedBy: 'worker' | 'vmm' | 'nic';
  /** Whether its frames pass bridge and tap, or go past them, straight to queues in the NIC port of its bridge. */
  readonly way: 'tap' | 'nic';
  /** The device the guest sees. */
  readonly device: 'virtio' | 'e1000';
  /** What its backends are called before `-NIC`. */
  readonly backend: 'vhost' | 'qemu' | 'e1000';
  /** Whether each queue pair has a backend of its own; otherwise one has all of them. */
  readonly backendPerPair: boolean;
  /** Whether a tap queue that fills masks the interrupt of its NIC ports. */
  readonly feedback: boolean;
  /** Whether a frame may fill several receive buffers (VIRTIO_NET_F_MRG_RXBUF). */
  readonly mergesBuffers: boolean;
  /** Whether the NIC tells VLANs apart for it; bridges here forward by address alone. */
  readonly classifiesVlans: boolean;
  /** Whether vhost and NIC give it up while frames flow, so that its VM may come and go. */
  readonly comesAndGoes: boolean;
  /** Most queue pairs; null for as many as there are vCPUs. */
  readonly queuesMax: number | null;
  /** Queue sizes that its rings can have; null for any virtqueue's. */
  readonly queueSizes: { readonly least: number; readonly most: number } | null;
  /** Whether a sweep that names no modes measures it. */
  readonly isSwept: boolean;
  /** Why the kernel host cannot serve it; null where it can. */
  readonly kernelObstacle: string | null;
}

const TABLE = {
  vhost: {
    meaning: "a worker in the host's kernel copies between tap and virtqueues",
    servedBy: 'worker',
    way: 'tap',
    device: 'virtio',
    backend: 'vhost',
    backendPerPair: true,
    feedback: false,
    mergesBuffers: true,
    classifiesVlans: false,
    comesAndGoes: true,
    queuesMax: null,
    queueSizes: null,
    isSwept: true,
    kernelObstacle: null,
  },
  'vhost-feedback': {
    meaning: 'as vhost, and a tap queue at its high mark masks the interrupt of the NIC',
    servedBy: 'worker',
    way: 'tap',
    device: 'virtio',
    backend: 'vhost',
    backendPerPair: true,
    feedback: true,
    mergesBuffers: true,
    classifiesVlans: false,
    comesAndGoes: true,
    queuesMax: null,
    queueSizes: null,
    isSwept: true,
    kernelObstacle: 'no kernel lets a tap mask the interrupt of a port',
  },
  accelerated: {
    meaning: 'a worker that copies nothing passes buffers between virtqueues and queues in the NIC',
    servedBy: 'worker',
    way: 'nic',
    device: 'virtio',
    backend: 'vhost',
    backendPerPair: true,
    feedback: false,
    mergesBuffers: false,
    classifiesVlans: true,
    comesAndGoes: true,
    queuesMax: null,
    queueSizes: null,
    isSwept: true,
    kernelObstacle: 'it needs a NIC that classifies into buffers of the guest',
  },
  /** vhost only tells it where they are. */
  direct: {
    meaning: 'the NIC serves the virtqueues itself',
    servedBy: 'nic',
    way: 'nic',
    device: 'virtio',
    backend: 'vhost',
    backendPerPair: false,
    feedback: false,
    mergesBuffers: false,
    classifiesVlans: true,
    comesAndGoes: true,
    queuesMax: null,
    queueSizes: null,
    isSwept: true,
    kernelObstacle: 'it needs a NIC that serves the vring',
  },
  qemu: {
    meaning: 'virtio-net served by the VMM in user space',
    servedBy: 'vmm',
    way: 'tap',
    device: 'virtio',
    backend: 'qemu',
    backendPerPair: false,
    feedback: false,
    mergesBuffers: false,
    classifiesVlans: false,
    comesAndGoes: false,
    queuesMax: 1,
    queueSizes: null,
    isSwept: false,
    kernelObstacle: null,
  },
  /** Ring sizes: E1000_MIN_RXD and E1000_MAX_82544_RXD of e1000.h, as powers of two. */
  emulated: {
    meaning: 'full virtualization, an e1000',
    servedBy: 'vmm',
    way: 'tap',
    device: 'e1000',
    backend: 'e1000',
    backendPerPair: false,
    feedback: false,
    mergesBuffers: false,
    classifiesVlans: false,
    comesAndGoes: false,
    queuesMax: 1,
    queueSizes: { least: 128, most: 4096 },
    isSwept: false,
    kernelObstacle: null,
  },
} as const satisfies Readonly<Record<string, ModeFacts>>;

export type VnicMode = keyof typeof TABLE;

/** The modes whose frames go that way. */
export type ModeBy<W extends ModeFacts['way']> = {
  [M in VnicMode]: (typeof TABLE)[M]['way'] extends W ? M : never;
}[VnicMode];

export const MODES: Readonly<Record<VnicMode, ModeFacts>> = TABLE;

/** In the order of the table, which is that of texts. */
export const VNIC_MODES = Object.keys(MODES) as [VnicMode, ...VnicMode[]];

/** The modes of which something holds. */
export function modesWhere(holds: (facts: ModeFacts) => boolean): VnicMode[] {
  return VNIC_MODES.filter((mode) => holds(MODES[mode]));
}

/** The modes of which something holds, for people: `mode emulated`, `modes accelerated and direct`. */
export function modesForPeople(holds: (facts: ModeFacts) => boolean): string {
  const modes = modesWhere(holds);
  return `${modes.length === 1 ? 'mode' : 'modes'} ${wordsInARow(modes, 'and')}`;
}

/** Whether a worker of vhost passes the guest's buffers down to the NIC. */
export function passesBuffersDown({ servedBy, way }: ModeFacts): boolean {
  return servedBy === 'worker' && way === 'nic';
}

/** Every mode with its meaning. */
export function modesExplained(): string {
  return wordsInARow(
    VNIC_MODES.map((mode) => `${mode} (${MODES[mode].meaning})`),
    'or',
  );
}

/** Whether a vNIC's frames go that way. */
export function goesBy<W extends ModeFacts['way'], N extends { readonly mode: VnicMode }>(
  nic: N,
  way: W,
): nic is N & { readonly mode: ModeBy<W> } {
  return MODES[nic.mode].way === way;
}

/** Modes that a sweep compares when neither it nor the scenario says otherwise: the talk's. */
export const SWEPT_MODES = modesWhere(({ isSwept }) => isSwept);
