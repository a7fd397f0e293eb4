/** The end of a sweep for people: what arrived of what was offered, where the rest went, and what each thread did. */
import { othersLossOfTrials } from '../judge/others-loss.ts';
import { notesOf } from '../judge/unpaid.ts';
import { formatAmount, formatCompact, formatShare } from '../../text/number-format.ts';
import type { Cell, Column, Paint } from '../../metrics/text/text-table.ts';
import { styled, tableLines, wrapWords } from '../../metrics/text/text-table.ts';
import { HOST_WORDS } from '../../runtime/host.ts';
import { describeDistance } from '../../runtime/os/core-distance.ts';
import { expectationLines } from '../tell/expectation-lines.ts';
import { effectLines } from './effect-lines.ts';
import { offeredCells, offeredTitles } from './offered-rates.ts';
import { sharesOf } from './points.ts';
import { sweepStory } from './sweep-story.ts';
import { streamLines, streamsTitle } from './sweep-streams.ts';
import { LOAD_WORDS } from './swept-load.ts';
import type { KindShares, PointResult, Spread, SweepResult, VariantResult } from './sweep-result.ts';

const INDENT = '  ';
const RIGHT: Column = { align: 'right' };
const LEFT: Column = { align: 'left' };
/** Places of a point's losses that are named. */
const PLACES_MAX = 2;
const PLACE_RATIO_MIN = 0.001;
/** Mean waiting share from which threads of a kind are marked. */
const STARVED_WAITING_RATIO = 0.5;

export function sweepLines(result: SweepResult, width: number, paint: Paint): string[] {
  const inner = width - INDENT.length;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', paint('bold', title), ...lines.map((line) => INDENT + line)];
  const kind = HOST_WORDS[result.hostKind];
  const words = LOAD_WORDS[result.load.unit];
  const counted = result.load.counted === null ? '' : ` of ${result.load.counted}`;
  const resumed = result.resumedTrials > 0 ? `, ${result.resumedTrials} trials made before` : '';
  const cut = `${resumed}${result.interrupted ? ', interrupted' : ''}`;
  if (result.points.length === 0) {
    const why = result.search?.failure ?? null;
    const nothing = `nothing was measured${cut}${why === null ? '' : `: ${why}`}`;
    return ['', ...wrapWords(nothing, width), ...ledgerLines(result, paint)];
  }
  return [
    ...section(
      `${result.scenario} on ${kind}: ${words.egress}${counted} in ${words.perSecond}, median [least..most]${cut}`,
      comparison(result, inner, paint),
    ),
    ...section(`Factors: mean ${words.egress} in ${words.perSecond}`, effectLines(result, inner, paint)),
    ...section(streamsTitle(result), streamLines(result, inner, paint)),
    ...result.variants.flatMap((variant) => section(variant.name, variantLines(result, variant, inner, paint))),
    ...section('Invalid trials', invalidLines(result, inner)),
    ...section('Notes', noteLines(result, inner)),
    ...section('Ledgers', ledgerLines(result, paint)),
    ...section('Expectations', expectationLines(result.expectations, inner, paint)),
    ...section('Cores', coreLines(result, inner)),
    ...section(
      'What it comes to',
      sweepStory(result).flatMap((text) => [...wrapWords(text, inner), '']),
    ),
  ];
}

function coreLines({ variants }: SweepResult, width: number): string[] {
  return variants.flatMap(({ name, coreDistance }) =>
    coreDistance === null ? [] : wrapWords(`${name}: ${describeDistance(coreDistance)}`, width),
  );
}

function comparison({ rates, variants, points }: SweepResult, width: number, paint: Paint): string[] {
  const rows = rates.map((rate, rateIndex): Cell[] => [
    ...offeredCells(rate),
    ...variants.map(({ name }): Cell => {
      const point = points.find((each) => each.variant === name && each.rateIndex === rateIndex);
      if (point === undefined) return '-';
      const text = `${formatCompact(point.egressPerSecond.median)} ${spreadText(point.egressPerSecond)}`.trimEnd();
      return point.status === 'invalid' ? styled('red', text) : text;
    }),
  ]);
  const offered = offeredTitles(rates[0].multiple !== null);
  const names = variants.map(({ name }) => name);
  const columns = [...offered.map(() => RIGHT), ...names.map(() => LEFT)];
  return tableLines(columns, [[...offered, ...names].map((title) => styled('dim', title)), ...rows], width, paint);
}

function variantLines(
  { load, rates, points }: SweepResult,
  { name }: VariantResult,
  width: number,
  paint: Paint,
): string[] {
  const rows = points
    .filter(({ variant }) => variant === name)
    .map((point): Cell[] => [
      ...offeredCells(point),
      ...egressCells(point),
      lossCell(point),
      whereLost(point),
      ...threadCells(point),
      `${point.validTrials}/${point.trials}`,
    ]);
  const titles = [
    ...offeredTitles(rates[0].multiple !== null),
    LOAD_WORDS[load.unit].egress,
    '',
    LOAD_WORDS[load.unit].lost,
    'where',
    'softirq run/wait',
    'vhost run/wait',
    'vCPU run/wait',
    'valid',
  ];
  return filledTable(titles, rows, width, paint);
}

/**
 * A table without the columns that have nothing in them, such as spreads of single trials. Figures stand at the right.
 */
function filledTable(titles: readonly string[], rows: readonly Cell[][], width: number, paint: Paint): string[] {
  const filled = titles.map((title, i) => title !== '' || rows.some((row) => row[i] !== ''));
  const columns = titles.map((title) => (title === '' || title === 'where' ? LEFT : RIGHT));
  const lines = [titles.map((title) => styled('dim', title)), ...rows];
  return tableLines(
    columns.filter((_, i) => filled[i]),
    lines.map((cells) => cells.filter((_, i) => filled[i])),
    width,
    paint,
  );
}

function egressCells({ egressPerSecond, status }: PointResult): Cell[] {
  const middle = formatCompact(egressPerSecond.median);
  return [status === 'invalid' ? styled('red', middle) : styled('bold', middle), spreadText(egressPerSecond)];
}

function spreadText({ min, max }: Spread): string {
  const [least, most] = [formatCompact(min), formatCompact(max)];
  return least === most ? '' : `[${least}..${most}]`;
}

function lossCell({ lossRatio }: PointResult): Cell {
  const lost = lossRatio?.median ?? null;
  return lost !== null && lost > 0 ? styled('red', formatShare(lost)) : formatShare(lost);
}

function whereLost({ lostAt }: PointResult): string {
  const notable = lostAt.filter(({ ratio }) => ratio >= PLACE_RATIO_MIN).slice(0, PLACES_MAX);
  return notable.map(({ place, ratio }) => `${place} ${formatShare(ratio)}`).join(', ');
}

/** Cores in use by the threads of each kind together, and the mean share of time they waited for one. */
function threadCells(point: PointResult): Cell[] {
  return (['softirq', 'vhost', 'vcpu'] as const).flatMap((kind): Cell[] => {
    const shares: KindShares | null = sharesOf(point, kind);
    if (shares === null) return ['-'];
    const text = `${formatShare(shares.runningCores)} / ${formatShare(shares.waitingRatio)}`;
    return [(shares.waitingRatio ?? 0) > STARVED_WAITING_RATIO ? styled('yellow', text) : text];
  });
}

function noteLines({ trials }: SweepResult, width: number): string[] {
  return [...notesOf(trials), ...othersLossOfTrials(trials)].flatMap((note) => wrapWords(note, width));
}

/** Each reason once, with how often it was met. */
function invalidLines({ trials }: SweepResult, width: number): string[] {
  const invalid = trials.filter(({ validity }) => validity.status === 'invalid');
  if (invalid.length === 0) return [];
  const kinds = new Map<string, { readonly first: string; count: number }>();
  for (const { variant, validity } of invalid) {
    for (const reason of validity.reasons) {
      // Names of phases and numbers apart, the words are the kind.
      const kind = reason.slice(reason.indexOf(':') + 1).replaceAll(/\S*\d\S*/g, '');
      const known = kinds.get(kind);
      if (known === undefined) kinds.set(kind, { first: `${variant} at ${reason}`, count: 1 });
      else known.count++;
    }
  }
  const lines = [...kinds.values()].sort((a, b) => b.count - a.count).slice(0, 4);
  return [
    `${invalid.length} of ${trials.length}`,
    ...lines.flatMap(({ first, count }) => wrapWords(`- ${count} times as in: ${first}`, width)),
  ];
}

function ledgerLines({ variants }: SweepResult, paint: Paint): string[] {
  return variants.flatMap(({ name, ledger }) =>
    ledger.balanced
      ? [`${name}: ${paint('green', 'balances')}, ${formatAmount(ledger.sentFrames)} frames sent`]
      : [`${name}: ${paint('red', 'DOES NOT BALANCE')}`, ...ledger.faults.map((fault) => INDENT + fault)],
  );
}
