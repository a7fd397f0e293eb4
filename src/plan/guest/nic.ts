/** One vNIC inside its virtual machine: its queue pairs in guest memory, and which vCPU has which of them. */
import type { Arena } from '../../memory/arena.ts';
import { reserveDoorbell } from '../../memory/doorbell.ts';
import { reserveLock } from '../../memory/spin-lock.ts';
import { reserveActivePairs } from '../../virtio/guest/active-pairs.ts';
import { NO_FEATURES } from '../../virtio/net/features.ts';
import { GUEST_RING_ALIGN_BYTES, guestNicWords } from '../../virtio/guest/guest-nic.ts';
import type { GuestNicRef, GuestNicShare, GuestPairRef } from '../../virtio/guest/guest-nic.ts';
import { CONTROL_QUEUE_SIZE } from '../../virtio/net/net-control.ts';
import { CONTROL_BUFFER_BYTES } from '../../virtio/guest/net-control-driver.ts';
import { RX_STATE_WORDS, TX_STATE_WORDS } from '../../virtio/net/net-queues.ts';
import type { GuestQueueRef } from '../../virtio/net/net-queues.ts';
import { PCI_TRAP_WORDS } from '../../virtio/pci/pci-trap.ts';
import { ringBytes, ringLayoutAt, tokenWords } from '../../virtio/ring/ring-format.ts';
import { VHOST_MAILBOX_WORDS } from '../../virtio/vhost/vhost-mailbox.ts';
import type { DraftActor, PlanDraft } from '../draft.ts';
import { planEmulatedNic } from '../backends/vmm-device.ts';
import type { GuestNicPlan, GuestPairPlan } from '../parts.ts';
import { MODES } from '../../scenario/modes.ts';
import type { VnicSpec } from '../../scenario/scenario.ts';
import { allowedFeatures } from './features.ts';

/**
 * What a vCPU has of a vNIC: vCPUs are counted from the vNIC's own; the first ones serve a pair each, the others send
 * by them in turn (virtnet_set_affinity, drivers/net/virtio_net.c).
 */
export function shareOf(nic: VnicSpec, vcpu: number, vcpus: number): GuestNicShare {
  const place = (vcpu - nic.vcpu + vcpus) % vcpus;
  return { pair: place % nic.queues, receives: place < nic.queues };
}

/**
 * Reserves what host and guest share of one vNIC, besides the memory of its driver. Its vCPUs are placed before.
 *
 * @param memory the guest's.
 * @param control memory that VMM, guest and vhost share for control.
 */
export function planGuestNic(
  draft: PlanDraft,
  memory: Arena,
  control: Arena,
  nic: VnicSpec,
  vcpus: readonly DraftActor[],
): GuestNicPlan {
  const pairs = Array.from({ length: nic.queues }, (_, pair): GuestPairPlan => {
    const senders = vcpus.filter((_, i) => shareOf(nic, i, vcpus.length).pair === pair);
    return {
      kicks: [reserveDoorbell(draft.signals), reserveDoorbell(draft.signals)],
      mailbox: control.reserve(VHOST_MAILBOX_WORDS * 4),
      receiver: vcpus[(nic.vcpu + pair) % vcpus.length],
      senders,
    };
  });
  return {
    pci: control.reserve(PCI_TRAP_WORDS * 4),
    activePairs: reserveActivePairs(draft.signals),
    pairs,
    emulated: MODES[nic.mode].device === 'e1000' ? planEmulatedNic(draft, memory, control, nic, vcpus.length) : null,
  };
}

/** Buffers that a vNIC's rings and queue disciplines hold when all are full. */
export function buffersHeldAtOnce({ queueSize, queues, txQueueFrames }: VnicSpec): number {
  return queues * (2 * queueSize + txQueueFrames);
}

/** Queues, tokens, transmit locks and states, and the published words of one vNIC. */
export function planNicMemory(memory: Arena, nic: VnicSpec, bufferStrideBytes: number): GuestNicRef {
  const wanted = allowedFeatures(nic);
  const queue = (queueSize: number): GuestQueueRef => {
    // Room for either format: the device may not offer the one wanted.
    const bytes = Math.max(
      ...[NO_FEATURES, wanted].map((features) => ringBytes(queueSize, GUEST_RING_ALIGN_BYTES, features)),
    );
    const { offsetBytes } = memory.reserve(bytes, GUEST_RING_ALIGN_BYTES);
    const tokens = memory.reserve(tokenWords(queueSize, wanted) * 4);
    return { layout: ringLayoutAt(offsetBytes, queueSize, GUEST_RING_ALIGN_BYTES, wanted), tokens };
  };
  const pairs = Array.from({ length: nic.queues }, (): GuestPairRef => ({
    rx: { ...queue(nic.queueSize), state: memory.reserve(RX_STATE_WORDS * 4), bufferStrideBytes },
    tx: {
      ...queue(nic.queueSize),
      lock: reserveLock(memory),
      state: memory.reserve(TX_STATE_WORDS * 4),
      qdiscFrames: nic.txQueueFrames,
    },
  }));
  const control =
    nic.queues === 1 ? null : { ...queue(CONTROL_QUEUE_SIZE), buffer: memory.reserve(CONTROL_BUFFER_BYTES) };
  return {
    pairs,
    control,
    published: memory.reserve(guestNicWords(nic.queues) * 4),
    wanted,
  };
}
