/**
 * The captures of scenarios: each is read once in a process, however many streams replay it and however often a sweep
 * lays its scenario out anew, since a pipe can be read no more often.
 *
 * A capture of S bytes (of which every frame takes 16 and itself at least) costs at most 3 S while it is kept, and 4 S
 * more for each stream whose frames are addressed in a way of their own.
 */
import { statSync } from 'node:fs';
import { parseCidr } from '../../net/wire/address.ts';
import { readCaptureFile } from '../../net/capture/capture-file.ts';
import { CaptureFileError } from '../../net/capture/capture.ts';
import type { Capture } from '../../net/capture/capture.ts';
import { describeLinkType } from '../../net/capture/link-types.ts';
import type { ReplayAddressing } from '../../net/capture/replay-addressing.ts';
import { readyFrames } from '../../net/capture/replay-frames.ts';
import type { ReadyFrames, ReplaySelection } from '../../net/capture/replay-frames.ts';
import { indexContent } from '../../net/capture/replay-index.ts';
import type { ContentIndex } from '../../net/capture/replay-index.ts';
import { PART_NONE, partsOf } from '../../net/capture/replay-parts.ts';
import { captureTimes } from '../../net/capture/replay-times.ts';
import { surveyReplay } from '../../net/capture/replay-survey.ts';
import type { ReplaySurvey } from '../../net/capture/replay-survey.ts';
import type { ReplaySpec } from '../../scenario/scenario.ts';

const read = new Map<string, Capture>();
const ready = new WeakMap<Capture, Map<string, ReadyReplay>>();

/** The frames of a stream and their index. */
export interface ReadyReplay {
  readonly frames: ReadyFrames;
  readonly index: ContentIndex;
}

/** Reads a capture, or gives the one that was read. @throws CaptureFileError, or the system's error. */
export function captureAt(path: string, { frames, timeNs }: ReplaySpec): Capture {
  const status = statSync(path, { throwIfNoEntry: false });
  const version = status?.isFile() === true ? [status.size, status.mtimeMs] : [];
  const key = JSON.stringify([path, frames, timeNs, ...version]);
  const known = read.get(key);
  if (known !== undefined) return known;
  const limits = { frames: frames === 'all' ? Infinity : frames, timeNs: timeNs === 'all' ? Infinity : timeNs };
  const capture = readCaptureFile(path, limits);
  read.set(key, capture);
  return capture;
}

/**
 * What each stream replays: everything, or, of a capture that is split, the part of its port: the first part by the
 * port of the first stream, the next by the next other port.
 *
 * @param froms for each stream the port it leaves by.
 */
export function selectionsOf(capture: Capture, replay: ReplaySpec, froms: readonly string[]): ReplaySelection[] {
  const times = captureTimes(capture, replay.longestPauseNs);
  const parts = partsOf(capture, replay.split, replay.clients === 'none' ? null : parseCidr(replay.clients));
  const ports = [...new Set(froms)];
  return froms.map((from) => ({ capture, times, parts, part: replay.split === 'none' ? 0 : ports.indexOf(from) }));
}

/** A capture as all streams of a scenario see it. */
export interface SurveyedCapture {
  readonly capture: Capture;
  readonly selections: readonly ReplaySelection[];
  readonly streams: readonly ReplaySurvey[];
  /** Frames that no stream replays, since they are of no direction or of one that has no stream. */
  readonly unassigned: number;
}

/** A port that streams leave by. */
interface SendingPort {
  readonly name: string;
  readonly mtuBytes: number;
}

/**
 * Reads a capture and looks it through. @param froms for each stream the port it leaves by. @throws CaptureFileError
 * where there is nothing to replay.
 */
export function surveyCapture(path: string, replay: ReplaySpec, froms: readonly SendingPort[]): SurveyedCapture {
  const capture = captureAt(path, replay);
  const selections = selectionsOf(
    capture,
    replay,
    froms.map(({ name }) => name),
  );
  const streams = selections.map((selection, i) => surveyReplay(selection, froms[i].mtuBytes));
  const without = streams.findIndex(({ sent }) => sent === 0);
  if (without >= 0) throw new CaptureFileError(capture.fileName, 0, nothingFor(capture, replay, froms[without].name));
  return { capture, selections, streams, unassigned: unassignedOf(capture, selections) };
}

function nothingFor(capture: Capture, { split }: ReplaySpec, port: string): string {
  const [other] = capture.skipped;
  if (capture.frameCount === 0 && other !== undefined) {
    const { name, remedy } = describeLinkType(other.linkType);
    return `no Ethernet frame in this capture, but ${other.frames} of ${name}; ${remedy}`;
  }
  if (split !== 'none' && capture.frameCount > 0) {
    return `split by ${split}, no frame of this capture is for the streams that leave by ${port}`;
  }
  return 'no Ethernet frame in this capture';
}

function unassignedOf({ frameCount }: Capture, selections: readonly ReplaySelection[]): number {
  const taken = new Set(selections.map(({ part }) => part));
  let unassigned = 0;
  for (let i = 0; i < frameCount; i += 1) {
    const part = selections[0].parts[i];
    if (part === PART_NONE || !taken.has(part)) unassigned += 1;
  }
  return unassigned;
}

/** Makes a stream's frames ready, or gives those that are: streams of one part that are addressed alike share them. */
export function readyReplay(selection: ReplaySelection, replay: ReplaySpec, addressing: ReplayAddressing): ReadyReplay {
  const known = ready.get(selection.capture) ?? new Map<string, ReadyReplay>();
  ready.set(selection.capture, known);
  const { split, clients, longestPauseNs } = replay;
  const key = JSON.stringify([addressing, selection.part, split, clients, longestPauseNs]);
  const found = known.get(key);
  if (found !== undefined) return found;
  const frames = readyFrames(selection, addressing);
  const made = { frames, index: indexContent(frames) };
  known.set(key, made);
  return made;
}
