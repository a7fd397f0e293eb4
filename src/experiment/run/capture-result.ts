/** What a run replays: its capture, looked through beforehand. */
import { describeLinkType } from '../../net/capture/link-types.ts';
import { usedInterfaces, hasBothDirections } from '../../net/capture/replay-parts.ts';
import type { ReplaySurvey } from '../../net/capture/replay-survey.ts';
import { surveyCapture } from '../../plan/wires/captures.ts';
import type { ReplaySpec, Scenario } from '../../scenario/scenario.ts';

export interface CaptureResult {
  readonly file: string;
  readonly format: 'pcap' | 'pcapng';
  /** Frames read, those of link types that are not replayed included. */
  readonly frames: number;
  /** What is wrong with the file and did not keep it from being read. */
  readonly warnings: readonly string[];
  /** Frames that are not replayed for their link type, and what converts them. */
  readonly skipped: readonly { readonly linkType: string; readonly frames: number; readonly remedy: string }[];
  /** Frames that no stream replays, since they are of no direction or of one without a stream. */
  readonly unassignedFrames: number;
  readonly replay: ReplaySpec;
  /** By its own times: a round, frames that go back in it, pauses cut and by how much; null without times. */
  readonly times: {
    readonly roundNs: number;
    readonly stepsBack: number;
    readonly pausesCut: number;
    readonly cutNs: number;
  } | null;
  /** By what its two directions could be told apart, in the words of traffic.replay.split. */
  readonly splits: readonly string[];
  readonly streams: readonly (ReplaySurvey & { readonly name: string })[];
}

/** The capture of a scenario; null where traffic is generated. */
export function describeCapture({ ports, traffic }: Scenario): CaptureResult | null {
  const { pcap, replay, streams } = traffic;
  if (pcap === 'none') return null;
  const froms = streams.map(({ from }) => ports.find(({ name }) => name === from)!);
  const { capture, selections, streams: surveys, unassigned } = surveyCapture(pcap, replay, froms);
  const { fileName, format, frameCount, warnings, skipped } = capture;
  const [{ times }] = selections;
  const { roundNs, stepsBack, pausesCut, cutNs } = times;
  return {
    file: fileName,
    format,
    frames: frameCount + skipped.reduce((sum, { frames }) => sum + frames, 0),
    warnings,
    skipped: skipped.map(({ linkType, frames }) => {
      const { name, remedy } = describeLinkType(linkType);
      return { linkType: name, frames, remedy };
    }),
    unassignedFrames: unassigned,
    replay,
    times: roundNs === 0 ? null : { roundNs, stepsBack, pausesCut, cutNs },
    splits: [
      ...(usedInterfaces(capture).length > 1 ? ['interface'] : []),
      ...(hasBothDirections(capture) ? ['direction'] : []),
    ],
    streams: surveys.map((survey, i) => ({ ...survey, name: streams[i].name })),
  };
}
