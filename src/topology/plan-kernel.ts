/** A host kernel's part of the plan: bridges, taps and vhost workers, once memory and guests are laid out. */
import { BRIDGE_COUNTERS } from '../../actors/bridge.ts';
import type { BridgePortLink } from '../../actors/bridge.ts';
import { TAP_BRIDGE_PORT, TAP_COUNTERS, TAP_READER_PORT } from '../../actors/tap.ts';
import type { TapBridgeLink, TapReaderLink } from '../../actors/tap.ts';
import { VHOST_COUNTERS } from '../../actors/vhost-links.ts';
import { VHOST_GUEST_PORT, VHOST_TAP_PORT } from '../../actors/vhost-links.ts';
import type { VhostGuestLink, VhostTapLink } from '../../actors/vhost-links.ts';
import type { Region } from '../memory/arena.ts';
import { reserveDoorbell } from '../memory/doorbell.ts';
import type { BridgeDomain, Parts, VnicKernel } from './build-plan.ts';
import { poolsOf, waysHome } from './build-plan.ts';
import { backlogsOf } from './plan-softirq.ts';
import type { DraftActor } from './plan-draft.ts';

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
      poolReturns: parts.returnRings[clonePool.index],
      returns: waysHome(
        parts,
        poolsOf(parts, domain).filter((pool) => pool !== clonePool),
      ),
      ageingNs: spec.ageingNs,
      costs: { bridgeNs: table.bridge, nicTxNs: table.nicTx },
    },
  };
  const links: BridgePortLink[] = [
    ...ports.map((port): BridgePortLink => ({
      rx: port.rxQueues.map(({ toBridge }) => toBridge),
      tx: port.tx,
      txLimit: port.spec.txRing,
      txUncleaned: port.txDone,
      nic: true,
      txDoorbell: port.nicDoorbell,
    })),
    ...vnics.map(({ tap, backlogToBridge, bridgeToTap }): BridgePortLink => ({
      rx: [backlogToBridge],
      tx: bridgeToTap,
      txLimit: bridgeToTap.capacity,
      txUncleaned: null,
      nic: false,
      txDoorbell: wake(bridge, tap),
    })),
  ];
  links.forEach((link, port) => bridge.attachments.push({ port, link }));
}

export function planTap(parts: Parts, domain: BridgeDomain, vnic: VnicKernel): void {
  const { tap, nic, vhost, bridgeToTap, feedback } = vnic;
  const { host, draft, slots } = parts;
  const { table } = host.spec.costs;
  tap.spec = {
    kind: 'tap',
    config: {
      name: tap.name,
      counters: draft.count(tap, TAP_COUNTERS),
      slots,
      returns: waysHome(parts, poolsOf(parts, domain)),
      queueFrames: nic.tap.queueFrames,
      feedback,
      costs: { tapEnqueueNs: table.tapEnqueue, wakeupNs: table.wakeup },
    },
  };
  const queue = draft.ring(host.arena, `${tap.name}.queue`, nic.tap.queueFrames, 'frames');
  const event = reserveDoorbell(draft.signals);
  tap.attachments.push({ port: TAP_BRIDGE_PORT, link: { rx: bridgeToTap } satisfies TapBridgeLink });
  const reader: TapReaderLink = { queue, event, doorbell: vhost.thread.doorbell };
  tap.attachments.push({ port: TAP_READER_PORT, link: reader });
}

export function planVhost(parts: Parts, domain: BridgeDomain, vnic: VnicKernel): void {
  const { host, draft, slots } = parts;
  const { vhost, nic, vm, tap, vhostPool, backlog } = vnic;
  const { table } = host.spec.costs;
  vhost.spec = {
    kind: 'vhost',
    config: {
      name: vhost.name,
      counters: draft.count(vhost, VHOST_COUNTERS),
      slots,
      pool: vhostPool,
      poolReturns: parts.returnRings[vhostPool.index],
      returns: waysHome(
        parts,
        poolsOf(parts, domain).filter((pool) => pool !== vhostPool),
      ),
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
  const { queue, event } = tap.attachments.find(({ port }) => port === TAP_READER_PORT)!.link as TapReaderLink;
  const { cpu } = nic.vhost;
  const softirqLine = host.softirqs[cpu].thread.doorbell;
  const otherBacklogs = backlogsOf(parts, cpu).filter((ring) => ring !== backlog);
  const tapLink: VhostTapLink = { queue, event, feedback: vnic.feedback, backlog, otherBacklogs, softirqLine };
  vhost.attachments.push({ port: VHOST_TAP_PORT, link: tapLink });
  const guest = parts.guests.find(({ spec }) => spec === vm)!;
  const { mailbox, kicks, vcpu } = guest.nics[vm.nics.indexOf(nic)];
  const guestLink: VhostGuestLink = {
    guestMemory: `guest:${vm.name}`,
    mailbox,
    kicks,
    callDoorbells: [[vcpu.thread.doorbell], guest.vcpus.map(({ thread }) => thread.doorbell)],
    vmmDoorbell: guest.vmm.thread.doorbell,
  };
  vhost.attachments.push({ port: VHOST_GUEST_PORT, link: guestLink });
}
