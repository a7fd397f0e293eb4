/** What a phase lost: frames that were dropped on the way, and frames that nobody took where they arrived. */
import { SINK } from '../../../actors/wire/sink.ts';
import { counterOf } from '../../metrics/derive/counters.ts';
import { sinkName } from '../../scenario/names.ts';
import type { PhaseResult, RunResult } from '../run/run-result.ts';

export function lostFrames({ total }: PhaseResult): number {
  return total.droppedFrames + total.foreignFrames;
}

/** Where frames came out on a wire and were for nobody there: each sink that saw some, and its port. */
export function foreignBySink(
  { ports }: RunResult['scenario'],
  { counters }: PhaseResult,
): { port: string; sink: string; frames: number }[] {
  return ports
    .map(({ name }) => ({
      port: name,
      sink: sinkName(name),
      frames: counterOf(SINK, counters, sinkName(name), 'rx_foreign'),
    }))
    .filter(({ frames }) => frames > 0);
}
