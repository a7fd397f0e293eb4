/** What a worker thread of the trial pool executes: entry of a worker bundle, called by Piscina once a trial. */
import { makeVirtualTrial } from './virtual-trial.ts';
import type { VirtualTrial, VirtualTrialOrder } from './virtual-trial.ts';

const NEVER_ABORTED = new AbortController().signal;

/** The pool ends the thread to interrupt it. */
export default async function makeTrial(order: VirtualTrialOrder): Promise<VirtualTrial> {
  return (await makeVirtualTrial(order, NEVER_ABORTED))!;
}
