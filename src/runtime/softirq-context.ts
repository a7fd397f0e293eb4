import { CONTEXT_BH_ENABLE } from '../kernel/softirq-line.ts';
import type { SoftirqContext } from './softirq-policy.ts';

/** In which context an inline visit runs for which the raisers of a softirq line asked. @param contexts CONTEXT_ bits. */
export function inlineContext(contexts: number): SoftirqContext {
  return contexts === CONTEXT_BH_ENABLE ? 'bh-enable' : 'interrupt';
}
