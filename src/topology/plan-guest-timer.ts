/** The timers of a VM whose network function keeps time. */
import { GUEST_TIMER_COUNTERS } from '../../actors/guest-timer.ts';
import type { GuestTimerLink } from '../../actors/guest-timer.ts';
import type { NetworkFunctionConfig } from '../runtime/function-factory.ts';
import type { DraftThread, PlanDraft } from './plan-draft.ts';
import type { GuestPlan } from './plan-guest.ts';
import { guestTimerName } from './thread-names.ts';

/** Places them on the hardware's thread, whose clock never stops; one port for each vCPU. */
export function planGuestTimer(draft: PlanDraft, hardwareThread: DraftThread, { spec, vcpus }: GuestPlan): void {
  const [first] = vcpus;
  if (first.spec?.kind !== 'vcpu' || !keepsTime(first.spec.nf)) return;
  const timer = draft.actorOn(hardwareThread, guestTimerName(spec.name), []);
  timer.spec = {
    kind: 'guest-timer',
    config: { name: timer.name, counters: draft.count(timer, GUEST_TIMER_COUNTERS) },
  };
  vcpus.forEach((vcpu, port) => {
    if (vcpu.spec?.kind !== 'vcpu') return;
    const link: GuestTimerLink = { deadline: vcpu.spec.config.timer, doorbell: vcpu.thread.doorbell };
    timer.attachments.push({ port, link });
  });
}

function keepsTime(nf: NetworkFunctionConfig): boolean {
  return nf.kind === 'tcp-terminate' || (nf.kind === 'module' && nf.keepsTime);
}
