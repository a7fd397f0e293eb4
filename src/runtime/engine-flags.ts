import { setFlagsFromString } from 'node:v8';

/**
 * A thread compiles and collects its young garbage on its own time: V8's helpers, for which it would wait, share the
 * modelled host's cores and get no time while softirq has them.
 */
const WITHOUT_HELPERS = ['--no-concurrent-recompilation', '--no-parallel-scavenge'];
/**
 * An actor's poll is one loop over small methods, three times as much bytecode as V8 inlines into one function by
 * default (920, and 460 for a callee). What is left out costs a call a frame, and a heap number for each time it is
 * handed; which parts that are changes with every edit. The longest, a vCPU that forwards, takes over 2,600: when the
 * `actors` bench shows it slower, look at --trace-turbo-inlining. From 3,200 on compiling takes a tenth longer, and
 * threads lose frames meanwhile.
 */
const INLINED_WHOLE = ['--max-inlined-bytecode-size-cumulative=2800', '--max-inlined-bytecode-size=1000'];

/** Has V8 inline whole polls, in the whole process, in what is compiled from then on. */
export function inlineWholePolls(): void {
  for (const flag of INLINED_WHOLE) setFlagsFromString(flag);
}

/** Sets V8 up for threads of actors; holds as far. */
export function setUpThreads(): void {
  for (const flag of WITHOUT_HELPERS) setFlagsFromString(flag);
  inlineWholePolls();
}
