/** vNICs with queues in the NIC: their frame queues, pools or rings, vhost above them, and the NIC's port for each. */
import { reserveDirectConfig } from '../../../actors/host/acceleration/direct-vring.ts';
import { TABLE_WORDS } from '../../../actors/host/acceleration/dpaa.ts';
import type { AcceleratedQueuesRef } from '../../../actors/host/acceleration/queues.ts';
import { reserveDescriptorRing } from '../../../actors/host/acceleration/sriov.ts';
import { NIC_PORTS } from '../../../actors/wire/nic/nic-links.ts';
import type { NicVnicLink, NicVnicPairLink } from '../../../actors/wire/nic/nic-links.ts';
import { VHOST_ACCELERATED_COUNTERS, VHOST_ACCELERATED_PORTS } from '../../../actors/host/vhost-accelerated.ts';
import type { VhostHardwareLink } from '../../../actors/host/vhost-accelerated.ts';
import { VHOST_CONTROL_PORTS } from '../../../actors/host/vhost-control.ts';
import type { VhostControlLink } from '../../../actors/host/vhost-control.ts';
import { reserveDoorbell } from '../../memory/doorbell.ts';
import { reserveRing } from '../../memory/id-ring.ts';
import { parseMac } from '../../net/wire/ethernet.ts';
import type { VmSpec, VnicSpec } from '../../scenario/scenario.ts';
import { connect } from '../draft.ts';
import type { DraftActor, PlanDraft } from '../draft.ts';
import { guestNicOf } from '../parts.ts';
import type { BridgeDomain, HardwareVnic, HostDraft, Parts } from '../parts.ts';
import type { NicBackend } from './backend.ts';
import { guestLinkOf } from './vhost.ts';

/** vhost workers between the virtqueues and queues in the NIC. They touch the guest's memory, and none of the host's frames. */
export const WORKER_QUEUES: NicBackend = {
  place: (draft, host, vm, name, cpu) => placeVhost(draft, host, vm, name, cpu, [`guest:${vm.name}`]),
  connect(parts, domain, vnic) {
    vnic.vhosts.forEach((vhost) => configureVhost(parts, vhost));
    connectNic(parts, domain, vnic, connectVhost);
  },
};

/** A vhost device that only tells the NIC where the virtqueues are, which it serves itself. */
export const CONTROLLED_RINGS: NicBackend = {
  place: (draft, host, vm, name, cpu) => placeVhost(draft, host, vm, name, cpu, []),
  connect(parts, domain, vnic) {
    const [vhost] = vnic.vhosts;
    vhost.spec = { kind: 'vhost-control', config: { name: vhost.name } };
    connectNic(parts, domain, vnic, connectControl);
  },
};

function placeVhost(
  draft: PlanDraft,
  { arena, seats }: HostDraft,
  vm: VmSpec,
  name: string,
  cpu: number,
  buffers: readonly string[],
): DraftActor {
  const thread = draft.thread(name, 'vhost', 'vhost', seats[cpu], vm.name);
  return draft.actorOn(thread, name, [arena.name, `vmm:${vm.name}`, ...buffers]);
}

type ConnectPair = (parts: Parts, vnic: HardwareVnic, pair: number) => NicVnicPairLink;

/** Connects one vNIC to the NIC port in front of its bridge, pair by pair. */
function connectNic(parts: Parts, domain: BridgeDomain, vnic: HardwareVnic, connectPair: ConnectPair): void {
  const { vm, nic } = vnic;
  if (domain.ports.length === 0) {
    throw new Error(`vNIC ${nic.name} is ${nic.mode}, and its bridge ${domain.spec.name} has no NIC port`);
  }
  const { pairs, activePairs } = guestNicOf(parts, vnic).plan;
  const mac = parseMac(nic.mac);
  const link: NicVnicLink = {
    guestMemory: `guest:${vm.name}`,
    macHigh: mac.high,
    macLow: mac.low,
    vlan: nic.vlan,
    activePairs,
    pairs: pairs.map((_, pair) => connectPair(parts, vnic, pair)),
  };
  const nicActor = domain.ports[0].nic;
  const index = nicActor.attachments.filter(({ port }) => port === NIC_PORTS.vnic.name).length;
  connect(nicActor, NIC_PORTS.vnic, link, { index, vm: vm.name });
  nicActor.thread.buffers.add(link.guestMemory);
}

function reserveQueues(parts: Parts, nic: VnicSpec): AcceleratedQueuesRef {
  const { arena } = parts.host;
  const { queueSize } = nic;
  const { provider, depletionEntry, depletionExit } = nic.acceleration;
  if (provider === 'sriov') {
    const rx = reserveDescriptorRing(arena, queueSize);
    const tx = reserveDescriptorRing(arena, queueSize);
    return { kind: 'sriov', ref: { rx, tx, depletionEntry, depletionExit } };
  }
  return {
    kind: 'dpaa',
    ref: {
      pool: reserveRing(arena, queueSize),
      rxQueue: reserveRing(arena, queueSize),
      rxTable: arena.reserve(queueSize * TABLE_WORDS * 4),
      txQueue: reserveRing(arena, queueSize),
      txConfirm: reserveRing(arena, queueSize),
      txTable: arena.reserve(queueSize * TABLE_WORDS * 4),
      depletion: reserveDoorbell(parts.draft.signals),
      depletionEntry,
      depletionExit,
    },
  };
}

function configureVhost(parts: Parts, vhost: DraftActor): void {
  const { table } = parts.host.spec.costs;
  vhost.spec = {
    kind: 'vhost-accelerated',
    config: {
      name: vhost.name,
      counters: parts.draft.count(vhost, VHOST_ACCELERATED_COUNTERS),
      costs: {
        accelRxNs: table.accelRx,
        accelTxNs: table.accelTx,
        callInjectNs: table.callInject,
        wakeupNs: table.wakeup,
      },
    },
  };
}

/** One queue pair by way of a vhost worker: what the NIC serves of it. */
function connectVhost(parts: Parts, { vm, nic, vhosts }: HardwareVnic, pair: number): NicVnicPairLink {
  const queues = reserveQueues(parts, nic);
  const event = reserveDoorbell(parts.draft.signals);
  const hardware: VhostHardwareLink = { queues, event };
  connect(vhosts[pair], VHOST_ACCELERATED_PORTS.hardware, hardware);
  connect(vhosts[pair], VHOST_ACCELERATED_PORTS.guest, guestLinkOf(parts, { vm, nic }, pair));
  const { doorbell } = vhosts[pair].thread;
  return { queues, event, rxDoorbells: [doorbell], txDoorbells: [doorbell] };
}

/** One queue pair whose rings the NIC serves itself. */
function connectControl(parts: Parts, { vm, nic, vhosts }: HardwareVnic, pair: number): NicVnicPairLink {
  const { guest, plan } = guestNicOf(parts, { vm, nic });
  const { mailbox, receiver, senders } = plan.pairs[pair];
  const direct = reserveDirectConfig(parts.host.arena);
  const link: VhostControlLink = {
    guestMemoryBytes: guest.memoryBytes,
    mailbox,
    vmmDoorbell: guest.vmm.thread.doorbell,
    direct,
  };
  connect(vhosts[pair], VHOST_CONTROL_PORTS.pair, link, { index: pair });
  return {
    queues: { kind: 'direct', config: direct },
    event: null,
    rxDoorbells: [receiver.thread.doorbell],
    txDoorbells: senders.map(({ thread }) => thread.doorbell),
  };
}
