/** Which threads run code of a user's own, and what is said of one that is stuck in it. */
import { USER_CODE_MS_MAX } from './guarded-call.ts';
import type { ThreadPlan } from './plan.ts';

/** Paths of the modules whose functions run on a thread. */
export function modulesOf({ actors }: Pick<ThreadPlan, 'actors'>): string[] {
  return actors.flatMap(({ spec }) =>
    spec.kind === 'vcpu' && 'module' in spec.config.nf ? [spec.config.nf.module.path] : [],
  );
}

/** A thread for messages about its silence, with whose code it runs. */
export function describeThread(thread: Pick<ThreadPlan, 'name' | 'actors'>): string {
  const modules = modulesOf(thread);
  return modules.length === 0 ? `thread ${thread.name}` : `thread ${thread.name} in ${modules.join(', ')}`;
}

/** A thread was polled, and the poll took longer than a user's code may. */
export function neverReturned(thread: ThreadPlan): Error {
  return new Error(`${describeThread(thread)} did not return within ${USER_CODE_MS_MAX / 1000} s`);
}
