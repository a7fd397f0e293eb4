/** A capture in words, said before it is replayed: what it holds, what is sent of it, and what of that is forwarded. */
import { basename } from 'node:path';
import { REMARKS, UNFORWARDED } from '../../net/capture/replay-survey.ts';
import type { Remark, ReplaySurvey, Unforwarded } from '../../net/capture/replay-survey.ts';
import { formatAmount, formatExact, formatShare, formatTime } from '../../text/number-format.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { CaptureResult } from '../run/capture-result.ts';

type StreamSurvey = CaptureResult['streams'][number];

/** The capture that a run of the scenario reads, if any. */
export function capturePath({ traffic }: Pick<Scenario, 'traffic'>): string[] {
  return traffic.pcap === 'none' ? [] : [traffic.pcap];
}

/** Lines of at most 80 columns where names are short; the first is not indented. */
export function captureLines(capture: CaptureResult | null): string[] {
  if (capture === null) return [];
  const { file, frames, times, warnings } = capture;
  const clock = times === null ? 'without times' : `${formatTime(times.roundNs)} long`;
  return [
    `capture ${basename(file)}: ${count(frames, 'frame')}, ${clock}`,
    ...[
      ...warnings.map((warning) => `warning: ${warning}`),
      ...leftOut(capture),
      ...paceLines(capture),
      ...streamsLines(capture),
      ...splitLines(capture),
    ].map((line) => `  ${line}`),
  ];
}

function leftOut({ skipped, unassignedFrames, streams, replay }: CaptureResult): string[] {
  const runts = partsOnce(streams, replay.split).reduce((sum, { runts: each }) => sum + each, 0);
  return [
    ...skipped.map(({ linkType, frames, remedy }) => `not sent: ${formatExact(frames)} of ${linkType}; ${remedy}`),
    ...(unassignedFrames === 0
      ? []
      : [`not sent: ${formatExact(unassignedFrames)} of no direction that a stream has, split by ${replay.split}`]),
    ...(runts === 0 ? [] : [`not sent: ${formatExact(runts)} shorter than an Ethernet header`]),
  ];
}

function paceLines({ times, replay }: CaptureResult): string[] {
  if (times === null) return [];
  const { stepsBack, pausesCut, cutNs } = times;
  return [
    ...(stepsBack === 0 ? [] : [`${count(stepsBack, 'time')} before that of the frame before: sent at once behind it`]),
    ...(pausesCut === 0
      ? []
      : [
          `${count(pausesCut, 'pause')} longer than ${formatTime(replay.longestPauseNs)} (longestPause) cut, ` +
            `by ${formatTime(cutNs)} in all`,
        ]),
  ];
}

/** One entry for all streams where all replay the same. */
function partsOnce(streams: readonly StreamSurvey[], split: string): readonly StreamSurvey[] {
  return split === 'none' ? streams.slice(0, 1) : streams;
}

function streamsLines({ streams, replay }: CaptureResult): string[] {
  return partsOnce(streams, replay.split).flatMap((stream) => {
    const who = replay.split === 'none' ? 'each stream' : stream.name;
    return streamLines(who, stream);
  });
}

function streamLines(who: string, { sent, meanFrameBytes, capturedFps, unforwarded, remarks }: ReplaySurvey): string[] {
  const pace = capturedFps === null ? '' : `, 1x is ${formatAmount(capturedFps)}/s`;
  const held = Object.entries(unforwarded) as [Unforwarded, number][];
  const lost = held.reduce((sum, [, frames]) => sum + frames, 0);
  const noted = (Object.entries(remarks) as [Remark, number][]).filter(([, frames]) => frames > 0);
  return [
    `${who} sends ${count(sent, 'frame')} of ${Math.round(meanFrameBytes)} bytes on average${pace}`,
    `  not forwarded by a router: ${formatShare(lost / sent)} (${formatExact(lost)})${lost === 0 ? '' : ', of these'}`,
    ...held
      .filter(([, frames]) => frames > 0)
      .sort(([, a], [, b]) => b - a)
      .map(([reason, frames]) => `    ${formatExact(frames)} ${UNFORWARDED[reason]}`),
    ...noted.map(([remark, frames]) => `  ${formatExact(frames)} ${REMARKS[remark]}`),
  ];
}

/** A capture of both ends of a conversation, replayed whole by each stream, sends everything from both sides. */
function splitLines({ splits, replay }: CaptureResult): string[] {
  if (replay.split !== 'none' || splits.length === 0) return [];
  const ways = splits.map((split) => `--set traffic.replay.split=${split}`).join(' or ');
  return [`it holds two directions, and each stream sends both: ${ways} gives each its own`];
}

function count(number: number, noun: string): string {
  return `${formatExact(number)} ${noun}${number === 1 ? '' : 's'}`;
}
