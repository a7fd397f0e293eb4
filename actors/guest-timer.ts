import type { Memory, Region } from '../src/memory/arena.ts';
import { CounterPage } from '../src/memory/counter-page.ts';
import { Ringer } from '../src/memory/doorbell.ts';
import { TimerWord } from '../src/memory/timer-word.ts';
import type { Actor, Census, CounterSpec } from './actor.ts';
import { indexCounters } from './actor.ts';

export const GUEST_TIMER_COUNTERS = [
  { name: 'timer_interrupts', role: 'event' },
] as const satisfies readonly CounterSpec[];
const { timer_interrupts: TIMER_INTERRUPTS } = indexCounters(GUEST_TIMER_COUNTERS);

export interface GuestTimerConfig {
  readonly name: string;
  readonly counters: Region;
}

/** One vCPU: where it says when it wants to be woken, and its doorbell. */
export interface GuestTimerLink {
  readonly deadline: Region;
  readonly vcpuDoorbell: Region;
}

interface TimedVcpu {
  readonly deadline: TimerWord;
  readonly vcpu: Ringer;
}

/**
 * The timers of a VM's vCPUs, which wake one that halted before its next deadline (the local APIC timer, for which KVM
 * keeps an hrtimer: arch/x86/kvm/lapic.c). A vCPU that runs sees its deadline by itself.
 */
export class GuestTimer implements Actor {
  readonly name: string;
  debtNs = 0;
  private readonly memory: Memory;
  private readonly counters: CounterPage;
  private readonly vcpus: (TimedVcpu | null)[] = [];

  constructor(memory: Memory, config: GuestTimerConfig) {
    this.memory = memory;
    this.name = config.name;
    this.counters = new CounterPage(memory, config.counters);
  }

  attach(port: number, link: GuestTimerLink): void {
    while (this.vcpus.length <= port) this.vcpus.push(null);
    this.vcpus[port] = {
      deadline: new TimerWord(this.memory, link.deadline),
      vcpu: new Ringer(this.memory, link.vcpuDoorbell),
    };
  }

  detach(port: number): void {
    this.vcpus[port] = null;
  }

  /** Moves no frames. A deadline stays due until the vCPU sets another, so that no wake-up is lost. */
  poll(_budget: number, nowNs: number): number {
    for (let i = 0; i < this.vcpus.length; i++) {
      const timed = this.vcpus[i];
      if (timed !== null && timed.deadline.due(nowNs) && timed.vcpu.ring()) this.counters.values[TIMER_INTERRUPTS]++;
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
