/** The timers of a VM that keeps time: its network function, or an e1000 that spaces its interrupts. */
import { GUEST_TIMER_COUNTERS, GUEST_TIMER_PORTS } from '../../../actors/guest/timer.ts';
import { guestTimerName } from '../../scenario/names.ts';
import { connect } from '../draft.ts';
import type { DraftThread, PlanDraft } from '../draft.ts';
import type { GuestPlan, Sleeper } from '../parts.ts';

/**
 * The last stage: places, configures and connects the timers of a VM, when all that has deadlines is connected. They
 * are on the hardware's thread, whose clock never stops; one port for each vCPU and device that has deadlines.
 *
 * @param devices those of all VMs, connected.
 */
export function planGuestTimer(
  draft: PlanDraft,
  hardwareThread: DraftThread,
  { spec, sleepers }: GuestPlan,
  devices: readonly Sleeper[],
): void {
  const here = [...sleepers, ...devices.filter(({ vm }) => vm === spec)];
  if (here.length === 0) return;
  const timer = draft.actorOn(hardwareThread, guestTimerName(spec.name), []);
  timer.spec = {
    kind: 'guest-timer',
    config: { name: timer.name, counters: draft.count(timer, GUEST_TIMER_COUNTERS) },
  };
  here.forEach(({ deadline, thread }, index) => {
    connect(timer, GUEST_TIMER_PORTS.sleeper, { deadline, doorbell: thread.doorbell }, { index });
  });
}
