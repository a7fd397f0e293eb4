import type { Softirq } from '../../../actors/host/softirq.ts';
import { wakeupsPaid } from '../../memory/doorbell.ts';
import type { Doorbell } from '../../memory/doorbell.ts';
import { CONTEXT_TICK } from '../../kernel/softirq-line.ts';
import type { SoftirqLine } from '../../kernel/softirq-line.ts';
import type { PollRound } from '../poll-round.ts';
import { nowNs } from './clock.ts';
import type { SelfPolicy } from './self-policy.ts';
import { inlineContext } from '../softirq-context.ts';
import type { SoftirqPolicy, SoftirqVerdict } from '../softirq-policy.ts';
import type { ThreadControl } from './thread-control.ts';
import { sleepIfIdle } from './thread-loop.ts';
import type { ThreadLoop } from './thread-loop.ts';

/**
 * How long a fair thread runs before a tick finds that its turn is over (check_preempt_tick, kernel/sched/fair.c):
 * sched_latency, 6 ms times 1 + log2(CPUs), shared by the four threads of one forwarding direction pair on two CPUs.
 */
const FAIR_SLICE_NS = 3e6;

export interface SoftirqLoopParts {
  readonly round: PollRound;
  readonly softirq: Softirq;
  readonly policy: SoftirqPolicy;
  readonly line: SoftirqLine;
  readonly doorbell: Doorbell;
  readonly control: ThreadControl;
  /** How the thread moves between interrupt class and its peers' level; null where it may not, and stays inline. */
  readonly self: SelfPolicy | null;
  /** Threads that softirq wakes share its CPU, so waking one asks for a reschedule here. */
  readonly wakesHere: boolean;
  readonly tickNs: number;
}

/**
 * The softirq thread of one CPU. Parked or inline it is in interrupt class, above every thread of its CPU. An inline
 * visit that ends with work left hands over to ksoftirqd, which is this same thread at its peers' level; an interrupt,
 * a tick or a BH-enable that comes then lifts it from outside for one more visit. It raises itself again before it
 * parks. A thread that cannot raise itself again never becomes ksoftirqd: one inline visit follows the other.
 */
export class SoftirqLoop implements ThreadLoop {
  private readonly parts: SoftirqLoopParts;
  private readonly ticksPerSlice: number;
  private ticks = 0;
  private wakeupsBefore = 0;

  constructor(parts: SoftirqLoopParts) {
    this.parts = parts;
    this.ticksPerSlice = Math.max(1, Math.ceil(FAIR_SLICE_NS / parts.tickNs));
  }

  run(): void {
    const { round, doorbell, control, line, self } = this.parts;
    self?.toFifo();
    while (control.running) {
      if (this.visit(line.takeContexts()) === 'yield') {
        if (self === null) continue;
        this.runAsKsoftirqd(self);
      }
      if (!control.running) break;
      sleepIfIdle(round, doorbell, control);
    }
    round.commit();
  }

  /** One inline __do_softirq, asked for by `contexts`. */
  private visit(contexts: number): SoftirqVerdict {
    const { policy, softirq } = this.parts;
    if (!policy.begin(inlineContext(contexts), softirq.scheduled, nowNs())) return 'yield';
    const sliceOver = (contexts & CONTEXT_TICK) !== 0 && ++this.ticks % this.ticksPerSlice === 0;
    return this.pollUntilVerdict(sliceOver, false);
  }

  /** ksoftirqd: visits at its peers' level, until nothing is left; lifted meanwhile, an inline visit comes between. */
  private runAsKsoftirqd(self: SelfPolicy): void {
    const { policy, line, softirq, control } = this.parts;
    for (;;) {
      line.defer();
      self.toOther();
      policy.begin('ksoftirqd', softirq.scheduled, nowNs());
      let verdict = this.pollUntilVerdict(false, true);
      if (line.lifted && verdict !== 'idle') verdict = this.visit(line.takeContexts());
      if (verdict === 'idle' || !control.running) break;
    }
    line.undefer();
    self.toFifo();
  }

  /** Rounds until the open visit ends. As ksoftirqd, being lifted ends it too: the work goes on inline. */
  private pollUntilVerdict(reschedule: boolean, deferred: boolean): SoftirqVerdict {
    const { round, softirq, policy, line, control, wakesHere } = this.parts;
    this.wakeupsBefore = wakeupsPaid();
    for (;;) {
      const now = nowNs();
      round.poll(now);
      const needResched = reschedule || (wakesHere && wakeupsPaid() !== this.wakeupsBefore);
      // The budget is NAPI's; what bridge and tap moved on is the same frames.
      const verdict = policy.afterPoll(round.napiFrames, softirq.scheduled, needResched, nowNs());
      if (verdict === 'continue' && control.running && !(deferred && line.lifted)) continue;
      if (policy.visiting) policy.abandon();
      softirq.noteContexts(policy);
      return verdict === 'continue' ? 'yield' : verdict;
    }
  }
}
