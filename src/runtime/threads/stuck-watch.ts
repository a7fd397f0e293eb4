/**
 * Finds a thread that a user's code does not come back from. Such a thread takes CPU time, nothing that it counts
 * changes, and it is never found asleep: a vCPU counts every poll that moves frames, and parks when there are none.
 */
import type { Memory } from '../../memory/arena.ts';
import { Doorbell } from '../../memory/doorbell.ts';
import { USER_CODE_MS_MAX } from '../guarded-call.ts';
import type { ThreadUse } from '../host.ts';
import type { Plan, ThreadPlan } from '../plan.ts';
import { modulesOf, neverReturned } from '../user-code.ts';

/** A thread under watch. */
interface Watched {
  readonly index: number;
  readonly plan: ThreadPlan;
  readonly pages: readonly Float64Array[];
  readonly doorbell: Doorbell;
  /** Sum of what it had counted when it was last seen alive, and the CPU time that it had used by then. */
  counted: number;
  runNs: number;
}

export class StuckWatch {
  private readonly watched: readonly Watched[];

  constructor(plan: Plan, memory: Memory) {
    this.watched = plan.threads.flatMap((thread, index): Watched[] => {
      if (modulesOf(thread).length === 0) return [];
      const pages = thread.actors.flatMap(({ counterRegion }) =>
        counterRegion === null ? [] : [memory.doubles(counterRegion)],
      );
      return [{ index, plan: thread, pages, doorbell: new Doorbell(memory, thread.doorbell), counted: -1, runNs: 0 }];
    });
  }

  /** Whether any thread needs a look now and then. */
  get idle(): boolean {
    return this.watched.length === 0;
  }

  /**
   * @param use of all threads, in the order of the plan.
   * @throws when one has used more CPU time than it may since it last counted anything or slept.
   */
  look(use: readonly ThreadUse[]): void {
    for (const thread of this.watched) {
      const counted = thread.pages.reduce((sum, page) => page.reduce((all, count) => all + count, sum), 0);
      const { runNs } = use[thread.index];
      if (counted !== thread.counted || thread.doorbell.parked) {
        thread.counted = counted;
        thread.runNs = runNs;
      } else if (runNs - thread.runNs > USER_CODE_MS_MAX * 1e6) {
        throw neverReturned(thread.plan);
      }
    }
  }
}
