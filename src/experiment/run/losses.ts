/** How many of the frames sent in a phase were lost, told from copies and frames of before that ended in it too. */
import { countFrames } from '../../metrics/derive/frame-counts.ts';
import type { FrameCounts } from '../../metrics/derive/frame-counts.ts';
import type { Lane } from '../../metrics/derive/lanes.ts';
import type { Snapshot } from '../../metrics/derive/snapshot.ts';
import type { TotalResult } from './run-result.ts';

export type Losses = Pick<TotalResult, 'droppedFrames' | 'foreignFrames' | 'floodedFrames' | 'lostFrames'>;

/**
 * Without copies every frame that ended on the way is a loss. Of a flooded frame one copy may arrive and the others
 * end: then as many were lost as did not arrive, within what the copies leave possible. As many as were still on their
 * way at the end do not count.
 */
export function countLosses(
  lanes: readonly Lane[],
  before: Snapshot,
  after: Snapshot,
  ended: Pick<Losses, 'droppedFrames' | 'foreignFrames'>,
): Losses {
  const start = countFrames(lanes, before);
  const end = countFrames(lanes, after);
  const grown = growth(start, end);
  const { sentFrames, floodedFrames } = grown;
  const copiesMax = floodedFrames === 0 ? 0 : floodedFrames + Math.min(start.floodedFrames, onTheWay(start));
  const endedFrames = ended.droppedFrames + ended.foreignFrames;
  const arrivedFrames = grown.receivedFrames - ended.foreignFrames + grown.consumedFrames;
  const missingFrames = sentFrames + grown.begunFrames - arrivedFrames;
  const lackedFrames = missingFrames > onTheWay(end) ? missingFrames : 0;
  const lostFrames = Math.min(Math.max(lackedFrames, endedFrames - copiesMax), endedFrames, sentFrames);
  return { ...ended, floodedFrames, lostFrames };
}

function growth(from: FrameCounts, to: FrameCounts): FrameCounts {
  return {
    sentFrames: to.sentFrames - from.sentFrames,
    floodedFrames: to.floodedFrames - from.floodedFrames,
    begunFrames: to.begunFrames - from.begunFrames,
    receivedFrames: to.receivedFrames - from.receivedFrames,
    consumedFrames: to.consumedFrames - from.consumedFrames,
    droppedFrames: to.droppedFrames - from.droppedFrames,
  };
}

function onTheWay({
  sentFrames,
  floodedFrames,
  begunFrames,
  receivedFrames,
  consumedFrames,
  droppedFrames,
}: FrameCounts): number {
  return sentFrames + floodedFrames + begunFrames - receivedFrames - consumedFrames - droppedFrames;
}
