/**
 * In Linux: the hrtimer that KVM keeps for a vCPU's APIC timer, and the timeout of QEMU's ppoll.
 * In: deadlines of vCPUs and devices. Out: their doorbells (vcpu.ts, ../vmm/e1000.ts); no frame passes here.
 * Thread: the hardware's, whose clock never stops.
 */
import type { Memory, Region } from '../../src/memory/arena.ts';
import { CounterPage } from '../../src/memory/counter-page.ts';
import { Ringer } from '../../src/memory/doorbell.ts';
import { TimerWord } from '../../src/kernel/timer-word.ts';
import type { Actor, Census, CounterSpec } from '../actor.ts';
import { indexCounters } from '../actor.ts';
import { component, port, portsOf } from '../component.ts';
import type { JointOf, SocketOf } from '../component.ts';

export const GUEST_TIMER_COUNTERS = [
  { name: 'timer_interrupts', role: 'event', meaning: 'times a timer woke a vCPU that had halted, or the main loop' },
] as const satisfies readonly CounterSpec[];
const { timer_interrupts: TIMER_INTERRUPTS } = indexCounters(GUEST_TIMER_COUNTERS);

export const GUEST_TIMER_PORTS = portsOf('guest-timer', { sleeper: port<GuestTimerLink>() });

export interface GuestTimerConfig {
  readonly name: string;
  readonly counters: Region;
}

/** One sleeper: where it says when it wants to be woken, and the doorbell of its thread. */
export interface GuestTimerLink {
  readonly deadline: Region;
  readonly doorbell: Region;
}

interface Sleeper {
  readonly deadline: TimerWord;
  readonly ringer: Ringer;
}

/**
 * The host's timers for a VM. They wake a vCPU that halted before its next deadline (the local APIC timer, for which KVM
 * keeps an hrtimer: arch/x86/kvm/lapic.c), and the VMM's main loop (ppoll with the time of the next QEMUTimer). A thread
 * that runs sees its deadline by itself.
 */
export class GuestTimer implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly sleepers: (Sleeper | null)[] = [];

  constructor(memory: Memory, config: GuestTimerConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
  }

  attach({ index, link }: JointOf<typeof GUEST_TIMER_PORTS>): void {
    while (this.sleepers.length <= index) this.sleepers.push(null);
    this.sleepers[index] = {
      deadline: new TimerWord(this.memory, link.deadline),
      ringer: new Ringer(this.memory, link.doorbell),
    };
  }

  detach({ index }: SocketOf<typeof GUEST_TIMER_PORTS>): void {
    this.sleepers[index] = null;
  }

  /** Moves no frames. A deadline stays due until the sleeper sets another, so that no wake-up is lost. */
  poll(_budget: number, nowNs: number): number {
    for (let i = 0; i < this.sleepers.length; i++) {
      const timed = this.sleepers[i];
      if (timed !== null && timed.deadline.due(nowNs) && timed.ringer.ring()) this.counters.values[TIMER_INTERRUPTS]++;
    }
    return 0;
  }

  arm(): boolean {
    return true;
  }

  commit(): void {
    this.counters.commit();
  }

  census(_out: Census): void {}
}

export const GUEST_TIMER = component({
  kind: 'guest-timer',
  place: 'vmm',
  thread: 'hardware',
  drawn: { label: 'VMM', colour: 'violet' },
  lanes: {},
  counters: GUEST_TIMER_COUNTERS,
  ports: GUEST_TIMER_PORTS,
  measuredCost: { pollNs: 15, frameNs: 0 },
  create: (memory, config: GuestTimerConfig) => new GuestTimer(memory, config),
});
