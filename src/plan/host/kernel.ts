/** A host kernel's part of the plan: bridges, taps and vhost workers, once memory and guests are laid out. */
import { BRIDGE_COUNTERS } from '../../../actors/host/bridge.ts';
import type { BridgePortLink } from '../../../actors/host/bridge.ts';
import { TAP_BRIDGE_PORT, TAP_COUNTERS, TAP_READER_PORT } from '../../../actors/host/tap.ts';
import type { TapBridgeLink, TapReaderLink } from '../../../actors/host/tap.ts';
import { VHOST_COUNTERS } from '../../../actors/host/vhost-links.ts';
import { VHOST_GUEST_PORT, VHOST_TAP_PORT } from '../../../actors/host/vhost-links.ts';
import type { VhostGuestLink, VhostTapLink } from '../../../actors/host/vhost-links.ts';
import type { Region } from '../../memory/arena.ts';
import { reserveDoorbell } from '../../memory/doorbell.ts';
import { reserveTapFlows } from '../../kernel/tap-flows.ts';
import type { ActorSpec } from '../../runtime/plan.ts';
import type { BridgeDomain, PairKernel, Parts, VnicKernel } from '../build-plan.ts';
import { frameBytesOfMtu } from '../../scenario/rules/frame-lengths.ts';
import type { DraftActor } from '../draft.ts';
import type { GuestNicPlan } from '../guest/nic.ts';
import type { VnicSpec } from '../../scenario/scenario.ts';
import { queueName } from '../../scenario/names.ts';

/** The doorbell to ring for `receiver` after handing it something; none on the same thread. */
function wake(sender: DraftActor, receiver: DraftActor): Region | null {
  return sender.thread === receiver.thread ? null : receiver.thread.doorbell;
}

export function planBridge(parts: Parts, domain: BridgeDomain): void {
  const { host, draft, slots } = parts;
  const { bridge, spec, clonePool, ports, vnics } = domain;
  const { table } = host.spec.costs;
  bridge.spec = {
    kind: 'bridge',
    config: {
      name: spec.name,
      counters: draft.count(bridge, BRIDGE_COUNTERS),
      slots,
      pool: clonePool,
      pending: domain.pending,
      ageingNs: spec.ageingNs,
      costs: { bridgeNs: table.bridge, nicTxNs: table.nicTx },
    },
  };
  for (const port of ports) {
    const link: BridgePortLink = {
      rx: port.rxQueues.map(({ toBridge }) => toBridge),
      tx: port.tx,
      frameBytesMax: frameBytesOfMtu(port.spec.mtuBytes),
      txLimit: port.spec.txRing,
      txUncleaned: port.txDone,
      nic: true,
      txDoorbell: port.nicDoorbell,
    };
    bridge.attachments.push({ port: bridge.attachments.length, link });
  }
  for (const { vm, nic, tap, pairs, bridgeToTap } of vnics) {
    const link: BridgePortLink = {
      rx: pairs.map(({ backlogToBridge }) => backlogToBridge),
      tx: bridgeToTap,
      frameBytesMax: frameBytesOfMtu(nic.mtuBytes),
      txLimit: bridgeToTap.capacity,
      txUncleaned: null,
      nic: false,
      txDoorbell: wake(bridge, tap),
    };
    bridge.attachments.push({ port: bridge.attachments.length, link, vm: vm.name });
  }
}

export function planTap(parts: Parts, vnic: VnicKernel): void {
  const { tap, nic, bridgeToTap } = vnic;
  const { host, draft, slots } = parts;
  const { table } = host.spec.costs;
  const { activePairs } = guestNicOf(parts, vnic);
  tap.spec = {
    kind: 'tap',
    config: {
      name: tap.name,
      counters: draft.count(tap, TAP_COUNTERS),
      slots,
      queueFrames: nic.tap.queueFrames,
      steering: nic.queues === 1 ? null : { activePairs, flows: reserveTapFlows(host.arena) },
      costs: { tapEnqueueNs: table.tapEnqueue, wakeupNs: table.wakeup },
    },
  };
  tap.attachments.push({ port: TAP_BRIDGE_PORT, link: { rx: bridgeToTap } satisfies TapBridgeLink });
}

function guestNicOf({ guests }: Parts, { vm, nic }: VnicKernel): GuestNicPlan {
  return guests.find(({ spec }) => spec === vm)!.nics[vm.nics.indexOf(nic)];
}

/** The vhost workers of a vNIC, each with a queue of the tap and a queue pair of the guest. */
export function planVhosts(parts: Parts, vnic: VnicKernel): void {
  const { tap, nic, pairs } = vnic;
  const { host, draft } = parts;
  const { steering } = (tap.spec as Extract<ActorSpec, { kind: 'tap' }>).config;
  pairs.forEach((pair, index) => {
    const queue = draft.ring(host.arena, queueName(`${tap.name}.queue`, index), nic.tap.queueFrames, 'frames');
    const event = reserveDoorbell(draft.signals);
    const { vhost, feedback } = pair;
    const reader: TapReaderLink = { queue, event, doorbell: vhost.thread.doorbell, feedback };
    tap.attachments.push({ port: TAP_READER_PORT + index, link: reader, vm: vnic.vm.name });
    configureVhost(parts, nic, pair);
    const flows = steering === null ? null : { table: steering.flows, queue: index };
    const tapLink: VhostTapLink = {
      queue,
      event,
      flows,
      feedback,
      backlog: pair.backlog,
      backlogLength: parts.backlogs[pair.cpu].length,
      softirqLine: host.softirqs[pair.cpu].thread.doorbell,
    };
    vhost.attachments.push({ port: VHOST_TAP_PORT, link: tapLink });
    vhost.attachments.push({ port: VHOST_GUEST_PORT, link: guestLinkOf(parts, vnic, index) });
  });
}

function configureVhost(parts: Parts, nic: VnicSpec, { vhost, vhostPool, poolHome }: PairKernel): void {
  const { host, draft, slots } = parts;
  const { table } = host.spec.costs;
  vhost.spec = {
    kind: 'vhost',
    config: {
      name: vhost.name,
      counters: draft.count(vhost, VHOST_COUNTERS),
      slots,
      pool: vhostPool,
      poolHome,
      byteWeight: nic.vhost.byteWeight,
      packetWeight: nic.vhost.packetWeight === 'none' ? Infinity : nic.vhost.packetWeight,
      batch: nic.vhost.batch,
      busyLoopNs: nic.vhost.busyLoopNs,
      backlogFrames: host.spec.softirq.backlogFrames,
      costs: {
        vhostRxNs: table.vhostRx,
        vhostTxNs: table.vhostTx,
        callInjectNs: table.callInject,
        wakeupNs: table.wakeup,
      },
    },
  };
}

/** The guest's side of one queue pair, for the worker that serves it. */
export function guestLinkOf(parts: Parts, { vm, nic }: Pick<VnicKernel, 'vm' | 'nic'>, pair: number): VhostGuestLink {
  const guest = parts.guests.find(({ spec }) => spec === vm)!;
  const { mailbox, kicks, receiver, senders } = guest.nics[vm.nics.indexOf(nic)].pairs[pair];
  return {
    guestMemory: `guest:${vm.name}`,
    mailbox,
    kicks,
    callDoorbells: [[receiver.thread.doorbell], senders.map(({ thread }) => thread.doorbell)],
    vmmDoorbell: guest.vmm.thread.doorbell,
  };
}
