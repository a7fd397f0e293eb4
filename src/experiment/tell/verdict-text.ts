/** One paragraph in words: what limited this run. It knows counters and thread shares, and no scenario by name. */
import { formatAmount, formatShare } from '../../text/number-format.ts';
import type { CausedRun } from './drop-causes.ts';
import { WIRE_FULL_RATIO, causeOf, wireShare } from './drop-causes.ts';
import { endedFrames, foreignBySink, tellOtherEnds } from '../judge/lost-frames.ts';
import { generatorFaults } from '../judge/validity.ts';
import type { DropCount, PhaseResult, RunResult } from '../run/run-result.ts';
import { tellThread } from './thread-story.ts';

export type VerdictRun = CausedRun & Pick<RunResult, 'phases' | 'validity'>;

/** Drops of one kind below this share of all are not worth a sentence. */
const NOTABLE_RATIO = 0.1;
const SENTENCES_MAX = 3;
const CAUSES_MAX = 2;

/** What must be known before any cause is believed, and then the phase that lost most. */
export function verdictText(run: VerdictRun): string {
  return [...caveats(run), ...limits(run)].join(' ');
}

/** What the judgement of validity says of the run, and what broke on the way. */
function caveats(run: VerdictRun): string[] {
  const [fellBehind] = generatorFaults(run.phases);
  const [invalid] = run.validity.status === 'invalid' ? run.validity.reasons : [];
  return [
    ...(fellBehind === undefined ? [] : [`The generator fell behind in phase ${fellBehind}.`]),
    ...(fellBehind !== undefined || invalid === undefined ? [] : [`This run is invalid, in phase ${invalid}.`]),
    ...run.virtqueueFaults.map(({ actor, text }) => `${actor} stopped serving ${text}.`),
  ];
}

function limits(run: VerdictRun): string[] {
  const passed = run.phases.filter(({ total }) => total.sentFrames > 0);
  if (passed.length === 0) return ['No traffic was sent, so nothing limited this run.'];
  const lossOf = ({ total }: PhaseResult): number => total.lossRatio ?? 0;
  const worst = passed.reduce((most, phase) => (lossOf(phase) > lossOf(most) ? phase : most));
  if (worst.total.lostFrames === 0) return [nothingLost(run, passed)];
  const sentences = [
    `In phase ${worst.name} ${formatShare(worst.total.lossRatio)} of ${formatAmount(worst.total.sentFrames)} frames ` +
      `were lost${othersText(worst)}.`,
    ...groupDrops(worst)
      .slice(0, SENTENCES_MAX)
      .map((group, i) => groupSentence(run, worst, group, i === 0)),
    ...foreignSentence(run, worst),
  ];
  const clean = passed.filter(({ total }) => total.lostFrames === 0).map(({ name }) => name);
  if (clean.length > 0) sentences.push(`Phase${clean.length > 1 ? 's' : ''} ${listWords(clean)} lost nothing.`);
  return sentences;
}

/** What follows is of all that ended: lost frames alone cannot be told from their copies where they end. */
function othersText(phase: PhaseResult): string {
  const others = tellOtherEnds(phase);
  return others === null ? '' : `; with ${others} ${formatAmount(endedFrames(phase))} ended on the way`;
}

/** What was sent to an address that is not on its wire was lost without a drop. */
function foreignSentence({ scenario }: VerdictRun, phase: PhaseResult): string[] {
  const { foreignFrames, droppedFrames } = phase.total;
  if (foreignFrames < NOTABLE_RATIO * endedFrames(phase)) return [];
  const ports = foreignBySink(scenario, phase).map(({ port }) => port);
  const subject = droppedFrames === 0 ? 'All' : formatShare(foreignFrames / endedFrames(phase));
  return [
    `${subject} of them (${formatAmount(foreignFrames)}) came out on the wire at ` +
      `${listWords(ports)} and were for nobody there.`,
  ];
}

function nothingLost(run: VerdictRun, phases: readonly PhaseResult[]): string {
  const busiest = phases.reduce((most, phase) => (phase.total.sentFrames > most.total.sentFrames ? phase : most));
  const seconds = busiest.elapsedNs / 1e9;
  const rate = formatAmount(busiest.total.deliveredFrames / seconds);
  const full = run.scenario.ports.filter(({ name }) => wireShare(run, busiest, name) >= WIRE_FULL_RATIO);
  if (full.length > 0) {
    const names = listWords(full.map(({ name }) => name));
    return `Nothing was lost: the wire was the limit. ${names} sent at line rate in phase ${busiest.name}, ${rate} frames/s in all.`;
  }
  const ofHost = run.threads.filter(({ kind }) => kind !== 'hardware' && kind !== 'main').map(({ name }) => name);
  const host = busiest.threads.filter(({ name }) => ofHost.includes(name));
  const most = host.reduce((a, b) => (b.runningRatio > a.runningRatio ? b : a), host[0]);
  const who = most === undefined ? '' : ` The busiest thread of the host, ${most.name}, ${tellThread(busiest, most)}.`;
  const limit = generatorFaults(run.phases).length > 0 ? 'the generator was the limit' : 'nothing limited this run';
  return `Nothing was lost and ${limit}: ${rate} frames/s arrived in phase ${busiest.name}.${who}`;
}

/** Drops of one kind at components of one kind. */
interface DropGroup {
  readonly drops: readonly DropCount[];
  readonly frames: number;
  readonly ratio: number;
}

function groupDrops(phase: PhaseResult): DropGroup[] {
  const groups = new Map<string, DropCount[]>();
  for (const drop of phase.drops) {
    const key = `${drop.place}:${drop.counter}`;
    groups.set(key, [...(groups.get(key) ?? []), drop]);
  }
  return [...groups.values()]
    .map((members) => {
      const frames = members.reduce((sum, drop) => sum + drop.frames, 0);
      return { drops: members, frames, ratio: frames / endedFrames(phase) };
    })
    .sort((a, b) => b.frames - a.frames)
    .filter(({ ratio }, i) => (i === 0 && phase.total.foreignFrames === 0) || ratio >= NOTABLE_RATIO);
}

function groupSentence(
  run: VerdictRun,
  phase: PhaseResult,
  { drops, frames, ratio }: DropGroup,
  first: boolean,
): string {
  const where = listWords(drops.map(({ actor }) => actor).sort());
  const share = ratio > 0.9995 ? 'All' : formatShare(ratio);
  const subject = first ? `${share} of them` : `Another ${share}`;
  const because = tellCauses(run, phase, drops);
  return `${subject} (${formatAmount(frames)}) ended at ${where} (${drops[0].reason})${because === '' ? '' : `: ${because}`}.`;
}

/** Each kind of cause once, told of the place that lost most; other places of the same kind are only named. */
function tellCauses(run: VerdictRun, phase: PhaseResult, drops: readonly DropCount[]): string {
  const kinds = new Map<string, { readonly text: string; readonly likewise: string[] }>();
  for (const drop of drops) {
    const cause = causeOf(run, phase, drop);
    const known = cause === null ? undefined : kinds.get(cause.kind);
    if (known !== undefined && known.text !== cause?.text) known.likewise.push(drop.actor);
    else if (cause !== null) kinds.set(cause.kind, known ?? { text: cause.text, likewise: [] });
  }
  return [...kinds.values()]
    .slice(0, CAUSES_MAX)
    .map(({ text, likewise }) => (likewise.length === 0 ? text : `${text}; likewise at ${listWords(likewise)}`))
    .join('; ');
}

/** `a`, `a and b`, `a, b and c`. */
function listWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`;
}
