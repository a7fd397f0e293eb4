/** The timers of a VM that keeps time: its network function, or an e1000 that spaces its interrupts. */
import { GUEST_TIMER_COUNTERS } from '../../../actors/guest/timer.ts';
import type { GuestTimerLink } from '../../../actors/guest/timer.ts';
import type { Region } from '../../memory/arena.ts';
import { endsTcp } from '../../runtime/function-factory.ts';
import type { NetworkFunctionConfig } from '../../runtime/function-factory.ts';
import type { Parts } from '../build-plan.ts';
import type { DraftActor, DraftThread } from '../draft.ts';
import type { GuestPlan } from './guest.ts';
import { guestTimerName } from '../../scenario/names.ts';

/** Places them on the hardware's thread, whose clock never stops; one port for each vCPU and device that has deadlines. */
export function planGuestTimer({ draft, domains }: Parts, hardwareThread: DraftThread, guest: GuestPlan): void {
  const { spec, vcpus } = guest;
  const vnics = domains.flatMap((domain) => domain.vnics).filter(({ vm }) => vm === spec);
  const devices = vnics.flatMap(({ pairs }) => pairs.map(({ vhost }) => vhost));
  const links = [...vcpus, ...devices].flatMap((sleeper): GuestTimerLink[] => {
    const deadline = deadlineOf(sleeper);
    return deadline === null ? [] : [{ deadline, doorbell: sleeper.thread.doorbell }];
  });
  if (links.length === 0) return;
  const timer = draft.actorOn(hardwareThread, guestTimerName(spec.name), []);
  timer.spec = {
    kind: 'guest-timer',
    config: { name: timer.name, counters: draft.count(timer, GUEST_TIMER_COUNTERS) },
  };
  links.forEach((link, port) => timer.attachments.push({ port, link }));
}

/** Null for an actor without deadlines. */
function deadlineOf({ spec }: DraftActor): Region | null {
  if (spec?.kind === 'vcpu' && keepsTime(spec.nf)) return spec.config.timer;
  return spec?.kind === 'e1000' ? spec.config.timer : null;
}

function keepsTime(nf: NetworkFunctionConfig): boolean {
  return endsTcp(nf) || (nf.kind === 'module' && nf.keepsTime);
}
