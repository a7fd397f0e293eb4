/** The longest burst at line rate that passes whole: RFC 2544 section 26.4, as RFC 9004 has it. */
import { mean } from 'simple-statistics';
import { setRates } from '../run/throttle.ts';
import { requestedFps } from '../run/phase-result.ts';
import { askedAt } from '../sweep/swept-load.ts';
import type { SweptHost } from '../sweep/swept-host.ts';
import type { BackToBack } from './suite-result.ts';

/** The longest burst that is tried lasts as long as a trial must: RFC 2544 section 26.4. */
const LONGEST_NS = 2e9;
/** Nothing is sent for this long before a burst, so that queues are empty, and the generator has heard of it. */
const BEFORE_NS = 2e7;

/**
 * @param lineFps what the lines carry of all streams together @param throughputFps what is carried without loss
 * @returns null when it was interrupted, or even a burst of one frame is lost
 */
export async function measureBackToBack(
  host: SweptHost,
  { lineFps, throughputFps }: { readonly lineFps: number; readonly throughputFps: number },
  repeats: number,
  signal: AbortSignal,
): Promise<BackToBack | null> {
  const { streams } = host.variant.scenario.traffic;
  const streamFps = lineFps / streams.length;
  const longest = Math.floor((streamFps * LONGEST_NS) / 1e9);
  const found: number[] = [];
  for (let i = 0; i < repeats && !signal.aborted; i++) {
    found.push(await longestBurst(longest, (frames) => passesWhole(host, frames, streamFps)));
  }
  if (signal.aborted || found.includes(0)) return null;
  const meanFrames = mean(found);
  const impliedBufferNs = (meanFrames * 1e9) / streamFps;
  return {
    repeats,
    meanFrames,
    minFrames: Math.min(...found),
    maxFrames: Math.max(...found),
    wholeLine: Math.min(...found) === longest,
    impliedBufferNs,
    correctedBufferNs: impliedBufferNs * (1 - throughputFps / lineFps),
  };
}

/** The largest number up to `longest` that passes, where all below it do; 0 when none does. */
export async function longestBurst(longest: number, passes: (frames: number) => Promise<boolean>): Promise<number> {
  let [good, bad] = [0, longest + 1];
  for (let frames = Math.min(64, longest); bad - good > 1; frames = nextBurst(good, bad)) {
    if (await passes(frames)) good = frames;
    else bad = frames;
  }
  return good;
}

/** Doubling until one is lost, then halving what is between. */
function nextBurst(good: number, bad: number): number {
  return Math.min(good === 0 ? Infinity : 2 * good, Math.floor((good + bad) / 2));
}

/** One burst of every stream that follows the load, at once, and nothing besides. */
function passesWhole(host: SweptHost, frames: number, streamFps: number): Promise<boolean> {
  const { scenario } = host.variant;
  const following = scenario.traffic.streams.map(({ rate }) => rate === 'shared');
  const lineFps = requestedFps(scenario, askedAt(scenario, { kind: 'lineRate', share: 1 }));
  const burstNs = (frames * 1e9) / streamFps;
  const before = host.frames();
  return host
    .while(async () => {
      const periodNs = BEFORE_NS + 2 * burstNs;
      const rates = lineFps.map((_, i) => (following[i] ? (frames * 1e9) / periodNs : 0));
      // The first burst is due a period from now; the next one never comes.
      setRates(host.host, rates, undefined, frames);
      await host.host.advance(1.5 * periodNs);
    })
    .then(() => {
      const after = host.frames();
      return after.sentFrames > before.sentFrames && after.droppedFrames === before.droppedFrames;
    });
}
