import { BACKEND_CHANGES_WORD, FIRST_BACKEND_WORD } from '../../actors/network-functions/load-balancer.ts';
import { formatEndpoint } from '../net/address.ts';
import type { Host } from '../runtime/host.ts';

/** Tells every load balancer which backends take no new connections; all others do. */
export function drainBackends({ plan, memory }: Host, endpoints: readonly string[]): void {
  for (const { spec } of plan.threads.flatMap(({ actors }) => actors)) {
    if (spec.kind !== 'vcpu' || spec.nf.kind !== 'load-balancer') continue;
    const words = memory.words(spec.nf.states);
    spec.nf.backends.forEach((backend, i) => {
      Atomics.store(words, FIRST_BACKEND_WORD + i, endpoints.includes(formatEndpoint(backend)) ? 1 : 0);
    });
    Atomics.add(words, BACKEND_CHANGES_WORD, 1);
  }
}
