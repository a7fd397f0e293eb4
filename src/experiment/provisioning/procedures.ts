/**
 * How a VM comes and how it goes while frames flow. A procedure does what it can at one moment and yields the time that
 * is to pass before it goes on, so that whoever drives the run goes on driving it.
 */
import type { Port } from '../../../actors/component.ts';
import { BRIDGE_PORTS } from '../../../actors/host/bridge.ts';
import { BACKEND_IN } from '../../../actors/guest/network-functions/backend-states.ts';
import { SOFTIRQ_PORTS } from '../../../actors/host/softirq-links.ts';
import { TAP_PORTS } from '../../../actors/host/tap.ts';
import type { Kind } from '../../../actors/registry.ts';
import { ringDepth } from '../../memory/id-ring.ts';
import type { RingRef } from '../../memory/id-ring.ts';
import type { Host } from '../../runtime/host.ts';
import { jointsAt } from '../../runtime/plan.ts';
import type { ActorPlan, Attachment, Plan } from '../../runtime/plan.ts';
import { READY_NS_MAX, isVmUp } from '../run/readiness.ts';
import type { BackendRotation } from './backend-rotation.ts';
import { drainVm } from './drain.ts';
import type { Drain } from './drain.ts';

/** Ends with the drain of a VM that load balancers sent to, when it went; with null otherwise. */
export type Procedure = AsyncGenerator<number, Drain | null, void>;

/** Between two looks at rings that are to run empty, or a guest that is to come up. */
const LOOK_NS = 1e6;
/** A VM gets this long to forward what its tap still holds; the rest goes with it. */
const DRAIN_NS_MAX = 20e6;

/** A connection of another thread's actor that leads to the VM. */
interface Lead {
  readonly actor: ActorPlan;
  readonly joint: Attachment;
}

function leadsTo(plan: Plan, vm: string): Lead[] {
  return plan.threads.flatMap(({ actors }) =>
    actors.flatMap((actor) => actor.attachments.filter((joint) => joint.vm === vm).map((joint) => ({ actor, joint }))),
  );
}

/** The links of these connections in one kind of port. */
function linksAt<Link extends object>(leads: readonly Lead[], port: Port<string, Link>): Link[] {
  return leads.flatMap(({ actor, joint }) =>
    jointsAt({ ...actor, attachments: [joint] }, port).map(({ link }) => link),
  );
}

/**
 * Threads first, then tap, backlog and hardware queues, the bridge port last, as `brctl addif` comes after the tap is
 * open. The guest boots meanwhile: frames that come before it is up are lost where they would be lost there. When it is
 * up load balancers put its backends into rotation, as they do when a health check succeeds; a guest that does not come
 * up stays out of it.
 */
export async function* addVm(host: Host, vm: string, rotation: BackendRotation): Procedure {
  await host.startVm(vm);
  // The VM may be a load balancer itself, and knows nothing yet.
  rotation.publish();
  const leads = leadsTo(host.plan, vm);
  const inOrder = [
    ...leads.filter(({ actor }) => actor.spec.kind !== 'bridge'),
    ...leads.filter(({ actor }) => actor.spec.kind === 'bridge'),
  ];
  for (const { actor, joint } of inOrder) await host.attach(actor.name, joint);
  const startNs = host.nowNs();
  while (host.nowNs() - startNs < READY_NS_MAX && !isVmUp(host, vm)) yield LOOK_NS;
  if (isVmUp(host, vm)) rotation.setVm(vm, BACKEND_IN);
  return null;
}

/**
 * Load balancers first drain it, no longer than `drainNsMax`, and take it out of rotation, so that connections are
 * moved only where they did not end in time. Then it is cut off from its tap, so that only what it holds remains; then
 * a little time to forward that; then its vCPUs stop, the hardware gives up its queues and the window on its memory,
 * and its threads end. The way out stays until what it sent has passed: a bridge port that is removed sooner would
 * leave frames behind (br_del_if flushes them).
 */
export async function* removeVm(host: Host, vm: string, rotation: BackendRotation, drainNsMax: number): Procedure {
  const drain = rotation.sendsTo(vm) ? yield* drainVm(host, vm, rotation, drainNsMax) : null;
  const leads = leadsTo(host.plan, vm);
  const detach = async (...kinds: readonly Kind[]): Promise<void> => {
    for (const { actor, joint } of leads) if (kinds.includes(actor.spec.kind)) await host.detach(actor.name, joint);
  };
  const holds = (rings: readonly RingRef[]): boolean => rings.some((ring) => ringDepth(host.memory, ring) > 0);

  await detach('tap');
  const queues = linksAt(leads, TAP_PORTS.reader).map(({ queue }) => queue);
  for (let passedNs = 0; passedNs < DRAIN_NS_MAX && holds(queues); passedNs += LOOK_NS) yield LOOK_NS;
  await host.setStopped(vm, true);
  await detach('nic');
  await host.endVm(vm);
  while (holds(waysOut(leads))) yield LOOK_NS;
  await detach('softirq', 'bridge');
  return drain;
}

/**
 * Rings between the VM's vhost and the bridge, in the order in which frames pass them: the backlog, the one of another
 * CPU that frames are steered to, the bridge's input. Looked at in another order a frame could pass behind the look.
 */
function waysOut(leads: readonly Lead[]): RingRef[] {
  const backlogs = linksAt(leads, SOFTIRQ_PORTS.source);
  const bridges = linksAt(leads, BRIDGE_PORTS.port).flatMap(({ rx }) => rx);
  const inOrder = backlogs.sort((a, b) => Number(a.steering === null) - Number(b.steering === null));
  return [...inOrder.map(({ from }) => from), ...bridges];
}
