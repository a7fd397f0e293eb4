/** What ended in a phase without doing its job: dropped on the way, or come out on a wire where nobody took it. */
import { SINK } from '../../../actors/wire/sink.ts';
import { counterOf, keepsCounter } from '../../metrics/derive/counters.ts';
import { sinkName } from '../../scenario/names.ts';
import { formatAmount } from '../../text/number-format.ts';
import type { PhaseResult, RunResult } from '../run/run-result.ts';

export function endedFrames({ total }: PhaseResult): number {
  return total.droppedFrames + total.foreignFrames;
}

/** `63 k copies of flooded frames`: what ended there beside the frames lost; null when nothing else did. */
export function tellOtherEnds(phase: PhaseResult): string | null {
  const { lostFrames, floodedFrames } = phase.total;
  const others = endedFrames(phase) - lostFrames;
  if (others === 0) return null;
  const kinds = [
    ...(floodedFrames > 0 ? ['copies of flooded frames'] : []),
    ...(others > floodedFrames ? ['sent before it'] : []),
  ];
  return `${formatAmount(others)} ${kinds.join(' or ')}`;
}

/**
 * Where frames came out on a wire and were for nobody there: each sink that saw some, and its port. Clients, programs
 * and other ports are at the ends of other wires.
 */
export function foreignBySink(
  { ports }: RunResult['scenario'],
  { counters }: PhaseResult,
): { port: string; sink: string; frames: number }[] {
  return ports
    .map(({ name }) => ({ port: name, sink: sinkName(name) }))
    .filter(({ sink }) => keepsCounter(SINK, counters, sink, 'rx_foreign'))
    .map((each) => ({ ...each, frames: counterOf(SINK, counters, each.sink, 'rx_foreign') }))
    .filter(({ frames }) => frames > 0);
}
