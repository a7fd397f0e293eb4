/** The ends of wires where real programs are. */
import { KERNEL_END_COUNTERS } from '../../../actors/kernel/devices.ts';
import { TAP_END_COUNTERS, TAP_END_PORTS } from '../../../actors/kernel/tap-end.ts';
import type { NicWireLink } from '../../../actors/wire/nic/nic-links.ts';
import type { EndSpec } from '../../scenario/attach.ts';
import { endName } from '../../scenario/names.ts';
import type { EndPlan } from '../../runtime/plan.ts';
import { connect } from '../draft.ts';
import type { DraftActor, DraftThread, PlanDraft } from '../draft.ts';

/** Places what reads and writes the taps of ends; `connectTapEnds` gives it its wires. */
export function placeTapEnds(draft: PlanDraft, hardware: DraftThread, ends: readonly EndSpec[]): DraftActor[] {
  return ends.map(({ port }) => draft.actorOn(hardware, `${endName(port)}-tap`, ['wire']));
}

/** @param wires of every port, as its NIC sees them. */
export function connectTapEnds(
  draft: PlanDraft,
  ends: readonly EndSpec[],
  actors: readonly DraftActor[],
  wires: ReadonlyMap<string, NicWireLink>,
): void {
  ends.forEach((end, i) => {
    const actor = actors[i];
    const counters = draft.count(actor, TAP_END_COUNTERS);
    const { port: descriptor, speedBps } = end;
    actor.spec = { kind: 'tap-end', config: { name: actor.name, counters, descriptor, speedBps } };
    connect(actor, TAP_END_PORTS.wire, wires.get(end.port)!);
    planEnd(draft, actor.thread, end, { descriptor, counters });
  });
}

/** Plans an end, whose counters its host fills. @param tap its device, if that is a tap. */
export function planEnd(draft: PlanDraft, thread: DraftThread, end: EndSpec, tap: EndPlan['tap']): void {
  const actor = draft.actorOn(thread, endName(end.port), []);
  const counters = draft.count(actor, KERNEL_END_COUNTERS);
  actor.spec = { kind: 'kernel-end', config: { name: actor.name, counters } };
  const { port, mac, mtuBytes, address, gateway, neighbours, target } = end;
  draft.ends.push({ name: actor.name, port, mac, mtuBytes, address, gateway, neighbours, target, counters, tap });
}
