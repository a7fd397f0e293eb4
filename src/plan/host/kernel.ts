/** A host kernel's bridges and taps, once memory and guests are laid out. */
import { BRIDGE_COUNTERS, BRIDGE_PORTS } from '../../../actors/host/bridge.ts';
import type { BridgePortLink } from '../../../actors/host/bridge.ts';
import { TAP_COUNTERS, TAP_PORTS } from '../../../actors/host/tap.ts';
import type { TapConfig } from '../../../actors/host/tap.ts';
import { reserveTapFlows } from '../../kernel/tap-flows.ts';
import type { Region } from '../../memory/arena.ts';
import { connect } from '../draft.ts';
import { frameBytesOfMtu } from '../../net/wire/ethernet.ts';
import type { DraftActor } from '../draft.ts';
import { guestNicOf } from '../parts.ts';
import type { BridgeDomain, Parts, VnicKernel } from '../parts.ts';

/** The doorbell to ring for `receiver` after handing it something; none on the same thread. */
function wake(sender: DraftActor, receiver: DraftActor): Region | null {
  return sender.thread === receiver.thread ? null : receiver.thread.doorbell;
}

/** Configures the bridge of a domain and connects it to its ports, NICs first: all of the host is laid out before. */
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
    connect(bridge, BRIDGE_PORTS.port, link, { index: bridge.attachments.length });
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
    connect(bridge, BRIDGE_PORTS.port, link, { index: bridge.attachments.length, vm: vm.name });
  }
}

/**
 * Configures a vNIC's tap and connects it to its bridge: all of the host is laid out before. Whoever reads its queues
 * connects them, and needs for that what this returns: its steering.
 */
export function planTap(parts: Parts, { vm, nic, tap, bridgeToTap }: VnicKernel): TapConfig['steering'] {
  const { host, draft, slots } = parts;
  const { table } = host.spec.costs;
  const { activePairs } = guestNicOf(parts, { vm, nic }).plan;
  const steering = nic.queues === 1 ? null : { activePairs, flows: reserveTapFlows(host.arena) };
  tap.spec = {
    kind: 'tap',
    config: {
      name: tap.name,
      counters: draft.count(tap, TAP_COUNTERS),
      slots,
      queueFrames: nic.tap.queueFrames,
      steering,
      costs: { tapEnqueueNs: table.tapEnqueue, wakeupNs: table.wakeup },
    },
  };
  connect(tap, TAP_PORTS.bridge, { rx: bridgeToTap });
  return steering;
}
