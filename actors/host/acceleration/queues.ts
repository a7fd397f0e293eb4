/** Which hardware queues a vNIC has, as the plan says it, and the two ends built from that. */
import type { Memory, Region } from '../../../src/memory/arena.ts';
import type { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { DirectPort } from './direct-vring.ts';
import type { DpaaRef } from './dpaa.ts';
import { DpaaPort, DpaaProvider } from './dpaa.ts';
import type { AccelerationProvider } from './handles.ts';
import type { SriovRef } from './sriov.ts';
import { SriovPort, SriovProvider } from './sriov.ts';

/** Queues that the acceleration interface driver serves under vhost. */
export type AcceleratedQueuesRef =
  { readonly kind: 'dpaa'; readonly ref: DpaaRef } | { readonly kind: 'sriov'; readonly ref: SriovRef };

/** Queues of a vNIC in hardware: accelerated ones, or the guest's own vrings. */
export type VnicQueuesRef = AcceleratedQueuesRef | { readonly kind: 'direct'; readonly config: Region };

/** The vhost side. */
export function createProvider(memory: Memory, queues: AcceleratedQueuesRef): AccelerationProvider {
  return queues.kind === 'dpaa' ? new DpaaProvider(memory, queues.ref) : new SriovProvider(memory, queues.ref);
}

/** Empties queues that neither side holds any more. */
export function clearQueues(memory: Memory, queues: AcceleratedQueuesRef): void {
  const regions =
    queues.kind === 'sriov'
      ? [queues.ref.rx.region, queues.ref.tx.region]
      : [
          ...[queues.ref.pool, queues.ref.rxQueue, queues.ref.txQueue, queues.ref.txConfirm].map(
            ({ region }) => region,
          ),
          ...[queues.ref.rxTable, queues.ref.txTable, queues.ref.depletion],
        ];
  for (const region of regions) memory.words(region).fill(0);
}

/** The hardware side. */
export function createPort(
  memory: Memory,
  queues: VnicQueuesRef,
  guest: GuestMemory,
): DpaaPort | SriovPort | DirectPort {
  switch (queues.kind) {
    case 'dpaa':
      return new DpaaPort(memory, queues.ref);
    case 'sriov':
      return new SriovPort(memory, queues.ref);
    case 'direct':
      return new DirectPort(memory, queues.config, guest);
  }
}
