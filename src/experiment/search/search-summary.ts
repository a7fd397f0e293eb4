/** The end of a search for people: what each variant carries within each goal, and how that was found. */
import { notesOf } from '../judge/unpaid.ts';
import { HOST_WORDS } from '../../runtime/host.ts';
import { describeDistance } from '../../runtime/os/core-distance.ts';
import { formatCompact, formatExact, formatSeconds, formatShare } from '../../text/number-format.ts';
import { styled, tableLines, wrapWords } from '../../metrics/text/text-table.ts';
import type { Cell, Column, Paint } from '../../metrics/text/text-table.ts';
import { LOAD_WORDS } from '../sweep/swept-load.ts';
import { describeGoal } from './search-goal.ts';
import type { GoalResult, SearchResult, SearchedVariant } from './search-result.ts';

const INDENT = '  ';
const TITLES = ['variant', 'goal', 'throughput', 'lower bound', 'upper bound', 'width', ''];
const COLUMNS = TITLES.map((title): Column => ({ align: ['variant', 'goal', ''].includes(title) ? 'left' : 'right' }));

export function searchLines(result: SearchResult, width: number, paint: Paint): string[] {
  const { variants, trials, load } = result;
  const words = LOAD_WORDS[load.unit].perSecond;
  const kind = HOST_WORDS[result.hostKind];
  const cut = result.interrupted ? ', interrupted' : '';
  const counted = load.counted === null ? '' : ` of ${load.counted}`;
  const title = `${result.scenario} on ${kind}: conditional throughput${counted} in ${words}${cut}`;
  const rows = variants.flatMap((variant) => variant.goals.map((goal) => goalCells(variant, goal)));
  const heading = TITLES.map((text) => styled('dim', text));
  const goals = variants.at(0)?.goals.map(({ goal }) => describeGoal(goal)) ?? [];
  const invalid = trials.filter(({ validity }) => validity.status === 'invalid').length;
  const repeated = invalid === 0 ? '' : `, ${invalid} of them invalid`;
  return [
    '',
    paint('bold', title),
    ...tableLines(COLUMNS, [heading, ...rows], width - INDENT.length, paint).map((line) => INDENT + line),
    '',
    ...goals.flatMap((text) => wrapWords(text, width)),
    `${trials.length} trials in ${formatSeconds(result.elapsedMs * 1e6)}${repeated}`,
    ...variants.flatMap((variant) => accounts(variant, width, paint)),
    ...notesOf(trials).flatMap((note) => wrapWords(note, width)),
  ];
}

function goalCells({ name }: SearchedVariant, goal: GoalResult): Cell[] {
  const { lowerPerSecond: lower, upperPerSecond: upper, conditionalThroughput, why, valid } = goal;
  const apart = lower === null || upper === null ? null : (upper - lower) / upper;
  return [
    name,
    goal.goal.name,
    styled(valid ? 'bold' : 'red', formatCompact(conditionalThroughput)),
    lower === null ? '-' : formatExact(lower),
    upper === null ? '-' : formatExact(upper),
    formatShare(apart),
    why ?? '',
  ];
}

function accounts({ name, ledger, coreDistance }: SearchedVariant, width: number, paint: Paint): string[] {
  const balance = ledger.balanced
    ? [`${name}: ledger ${paint('green', 'balances')}`]
    : [`${name}: ledger ${paint('red', 'DOES NOT BALANCE')}`, ...ledger.faults];
  return coreDistance === null ? balance : [...balance, ...wrapWords(describeDistance(coreDistance), width)];
}
