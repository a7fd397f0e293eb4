/** vNICs with queues in the NIC: their frame queues, pools or rings, vhost above them, and the NIC's port for each. */
import { reserveDirectConfig } from '../../actors/acceleration/direct-vring.ts';
import { TABLE_WORDS } from '../../actors/acceleration/dpaa.ts';
import type { AcceleratedQueuesRef } from '../../actors/acceleration/queues.ts';
import { reserveDescriptorRing } from '../../actors/acceleration/sriov.ts';
import { NIC_VNIC_PORT } from '../../actors/nic-links.ts';
import type { NicVnicLink } from '../../actors/nic-links.ts';
import {
  VHOST_ACCELERATED_COUNTERS,
  VHOST_ACCELERATED_GUEST_PORT,
  VHOST_HARDWARE_PORT,
} from '../../actors/vhost-accelerated.ts';
import type { VhostHardwareLink } from '../../actors/vhost-accelerated.ts';
import { VHOST_CONTROL_PORT } from '../../actors/vhost-control.ts';
import type { VhostControlLink } from '../../actors/vhost-control.ts';
import type { VhostGuestLink } from '../../actors/vhost-links.ts';
import type { Region } from '../memory/arena.ts';
import { reserveDoorbell } from '../memory/doorbell.ts';
import { reserveRing } from '../memory/id-ring.ts';
import { parseMac } from '../net/ethernet.ts';
import type { BridgeDomain, HardwareVnic, Parts } from './build-plan.ts';
import type { DraftActor } from './plan-draft.ts';
import type { VnicSpec } from './scenario.ts';

/** Connects one vNIC's vhost to the NIC port in front of its bridge. */
export function connectHardwareVnic(parts: Parts, domain: BridgeDomain, vnic: HardwareVnic): void {
  const { vm, nic } = vnic;
  const guest = parts.guests.find(({ spec }) => spec === vm)!;
  const { vcpu } = guest.nics[vm.nics.indexOf(nic)];
  if (domain.ports.length === 0) {
    throw new Error(`vNIC ${nic.name} is ${nic.mode}, and its bridge ${domain.spec.name} has no NIC port`);
  }
  const port = domain.ports[0].nic;
  if (nic.mode === 'direct') {
    const config = reserveDirectConfig(parts.host.arena);
    connectControl(parts, vnic, config);
    const vcpus = guest.vcpus.map(({ thread }) => thread.doorbell);
    connectNic(port, vnic, { queues: { kind: 'direct', config }, event: null }, [vcpu.thread.doorbell], vcpus);
    return;
  }
  const queues = reserveQueues(parts, nic);
  const event = reserveDoorbell(parts.draft.signals);
  connectVhost(parts, vnic, queues, event);
  const { doorbell } = vnic.vhost.thread;
  connectNic(port, vnic, { queues, event }, [doorbell], [doorbell]);
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

function connectVhost(
  parts: Parts,
  { vm, nic, vhost }: HardwareVnic,
  queues: AcceleratedQueuesRef,
  event: Region,
): void {
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
  const hardware: VhostHardwareLink = { queues, event };
  vhost.attachments.push({ port: VHOST_HARDWARE_PORT, link: hardware });
  const guest = parts.guests.find(({ spec }) => spec === vm)!;
  const { mailbox, kicks, vcpu } = guest.nics[vm.nics.indexOf(nic)];
  const link: VhostGuestLink = {
    guestMemory: `guest:${vm.name}`,
    mailbox,
    kicks,
    callDoorbells: [[vcpu.thread.doorbell], guest.vcpus.map(({ thread }) => thread.doorbell)],
    vmmDoorbell: guest.vmm.thread.doorbell,
  };
  vhost.attachments.push({ port: VHOST_ACCELERATED_GUEST_PORT, link });
}

function connectControl(parts: Parts, { vm, nic, vhost }: HardwareVnic, direct: Region): void {
  const guest = parts.guests.find(({ spec }) => spec === vm)!;
  vhost.spec = { kind: 'vhost-control', config: { name: vhost.name } };
  const link: VhostControlLink = {
    guestMemoryBytes: guest.memoryBytes,
    mailbox: guest.nics[vm.nics.indexOf(nic)].mailbox,
    vmmDoorbell: guest.vmm.thread.doorbell,
    direct,
  };
  vhost.attachments.push({ port: VHOST_CONTROL_PORT, link });
}

function connectNic(
  nicActor: DraftActor,
  { vm, nic }: HardwareVnic,
  served: Pick<NicVnicLink, 'queues' | 'event'>,
  rxDoorbells: readonly Region[],
  txDoorbells: readonly Region[],
): void {
  const mac = parseMac(nic.mac);
  const link: NicVnicLink = {
    guestMemory: `guest:${vm.name}`,
    macHigh: mac.high,
    macLow: mac.low,
    ...served,
    rxDoorbells,
    txDoorbells,
  };
  const taken = nicActor.attachments.filter(({ port }) => port >= NIC_VNIC_PORT).length;
  nicActor.attachments.push({ port: NIC_VNIC_PORT + taken, link });
  nicActor.thread.buffers.add(link.guestMemory);
}
