import type { Softirq } from '../../../actors/host/softirq.ts';
import type { Doorbell } from '../../memory/doorbell.ts';
import type { SoftirqLine } from '../../kernel/softirq-line.ts';
import type { PollRound } from '../poll-round.ts';
import type { Reschedule } from '../reschedule.ts';
import { nowNs } from './clock.ts';
import type { SelfPolicy } from './self-policy.ts';
import { inlineContext } from '../softirq-context.ts';
import type { SoftirqPolicy, SoftirqVerdict } from '../softirq-policy.ts';
import type { ThreadControl } from './thread-control.ts';
import { sleepIfIdle } from './thread-loop.ts';
import type { ThreadLoop } from './thread-loop.ts';

export interface SoftirqLoopParts {
  readonly round: PollRound;
  readonly softirq: Softirq;
  readonly policy: SoftirqPolicy;
  readonly line: SoftirqLine;
  readonly doorbell: Doorbell;
  readonly control: ThreadControl;
  /** How the thread moves between interrupt class and its peers' level; null where it may not, and stays inline. */
  readonly self: SelfPolicy | null;
  /** Whether the scheduler wants another thread here; told of every thread of this core that is woken. */
  readonly reschedule: Reschedule;
}

/**
 * The softirq thread of one CPU. Parked or inline it is in interrupt class, above every thread of its CPU. An inline
 * visit that ends with work left hands over to ksoftirqd, which is this same thread at its peers' level; an interrupt,
 * a tick or a BH-enable that comes then lifts it from outside for one more visit. It raises itself again before it
 * parks. A thread that cannot raise itself again never becomes ksoftirqd: one inline visit follows the other.
 */
export class SoftirqLoop implements ThreadLoop {
  private readonly parts: SoftirqLoopParts;

  constructor(parts: SoftirqLoopParts) {
    this.parts = parts;
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
    return this.pollUntilVerdict(contexts, false);
  }

  /** ksoftirqd: visits at its peers' level, until nothing is left; lifted meanwhile, an inline visit comes between. */
  private runAsKsoftirqd(self: SelfPolicy): void {
    const { policy, line, softirq, control } = this.parts;
    for (;;) {
      line.defer();
      self.toOther();
      policy.begin('ksoftirqd', softirq.scheduled, nowNs());
      let verdict = this.pollUntilVerdict(0, true);
      if (line.lifted && verdict !== 'idle') verdict = this.visit(line.takeContexts());
      if (verdict === 'idle' || !control.running) break;
    }
    line.undefer();
    self.toFifo();
  }

  /** Rounds until the open visit ends. As ksoftirqd, being lifted ends it too: the work goes on inline. */
  private pollUntilVerdict(contexts: number, deferred: boolean): SoftirqVerdict {
    const { round, softirq, policy, line, control, reschedule } = this.parts;
    reschedule.begin(contexts);
    for (;;) {
      const now = nowNs();
      round.poll(now);
      // The budget is NAPI's; what bridge and tap moved on is the same frames.
      const verdict = policy.afterPoll(round.napiFrames, round.scheduled(), reschedule.wanted, nowNs());
      if (verdict === 'continue' && control.running && !(deferred && line.lifted)) continue;
      if (policy.visiting) policy.abandon();
      softirq.noteContexts(policy);
      return verdict === 'continue' ? 'yield' : verdict;
    }
  }
}
