/** How long frames are still lost after an overload has ended: RFC 2544 section 26.5. */
import { rateOf } from '../sweep/swept-load.ts';
import type { SweptHost } from '../sweep/swept-host.ts';
import type { Recovery } from './suite-result.ts';

/** Between two looks at what was lost. On threads each look takes the modelled host's core for a moment. */
const STEP_NS = { virtual: 1e6, threads: 1e7, kernel: 1e7 } as const;
/** Nothing lost for this long ends it, and nothing is watched longer than that. */
const CALM_NS = 5e8;
const WATCH_NS_MAX = 1e10;

/** @returns null when it was interrupted. */
export function measureRecovery(
  host: SweptHost,
  { fromPerSecond, toPerSecond, overloadNs }: Omit<Recovery, 'recoveryNs' | 'resolutionNs'> & { overloadNs: number },
  signal: AbortSignal,
): Promise<Recovery | null> {
  const { scenario } = host.variant;
  const stepNs = STEP_NS[host.host.kind];
  return host.while(async () => {
    host.offer(rateOf(scenario, 'frames', fromPerSecond));
    await host.pass(overloadNs, signal);
    host.offer(rateOf(scenario, 'frames', toPerSecond));
    const startNs = host.host.nowNs();
    let [lastNs, dropped] = [startNs, host.frames().droppedFrames];
    for (let nowNs = startNs; nowNs - lastNs < CALM_NS && nowNs - startNs < WATCH_NS_MAX; nowNs = host.host.nowNs()) {
      if (!(await host.pass(stepNs, signal))) return null;
      const { droppedFrames } = host.frames();
      if (droppedFrames > dropped) lastNs = host.host.nowNs();
      dropped = droppedFrames;
    }
    const recovered = host.host.nowNs() - lastNs >= CALM_NS;
    return { fromPerSecond, toPerSecond, recoveryNs: recovered ? lastNs - startNs : null, resolutionNs: stepNs };
  });
}
