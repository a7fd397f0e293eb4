/** The catalogue of scenarios as Markdown, from the scenarios themselves. */
import { formatSeconds } from '../../text/number-format.ts';
import { wrapWords } from '../../metrics/text/text-table.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { describeScenario } from './scenario-index.ts';

/** Lines of the page that the catalogue stands between. */
export const CATALOGUE_BEGIN = '<!-- catalogue: written by npm run docs -->';
export const CATALOGUE_END = '<!-- catalogue ends -->';

/** Cores of the machine that the page has in mind: the fewest that real threads need. */
const CORES = 2;
const TEXT_CHARS = 118;

/** A section for each scenario: its description, what it needs, what it expects and why, the line that runs it. */
export function scenarioCatalogue(scenarios: readonly Scenario[]): string {
  return scenarios.map(section).join('\n\n');
}

/** The page with the catalogue in place of the one it has. @returns null if the page has no place for one. */
export function withCatalogue(page: string, catalogue: string): string | null {
  return withSection(page, [CATALOGUE_BEGIN, CATALOGUE_END], catalogue);
}

/** The page with `text` between two of its lines. @returns null if it does not have them. */
export function withSection(page: string, [first, last]: readonly [string, string], text: string): string | null {
  const begin = page.indexOf(first);
  const end = page.indexOf(last);
  if (begin < 0 || end < begin) return null;
  return `${page.slice(0, begin + first.length)}\n\n${text}\n\n${page.slice(end)}`;
}

function section(scenario: Scenario): string {
  const { name, coresNeeded, durationNs, virtual, command } = describeScenario(scenario, CORES);
  const time = `${formatSeconds(durationNs)} of ${virtual ? 'virtual time' : 'warm-up and traffic'}`;
  const needs = `${coresNeeded} cores, ${time}: \`${command}\``;
  const paragraphs = [
    [`### ${name}`],
    wrapWords(scenario.description.trim(), TEXT_CHARS),
    wrapWords(`[${name}.yaml](${name}.yaml), ${needs}`, TEXT_CHARS),
    ...expected('It expects:', scenario.expect),
    ...expected(`A sweep of it, \`npm run vhostlab -- sweep ${name}\`, expects:`, scenario.sweep.expect),
  ];
  return paragraphs.map((lines) => lines.join('\n')).join('\n\n');
}

/** Why each relation must hold; nothing of those that do not say. */
function expected(title: string, relations: readonly { readonly why: string }[]): string[][] {
  const reasons = relations.map(({ why }) => why).filter((why) => why !== '');
  return reasons.length === 0 ? [] : [[title], reasons.flatMap((why) => item(why))];
}

function item(text: string): string[] {
  return wrapWords(text, TEXT_CHARS - 2).map((line, i) => `${i === 0 ? '- ' : '  '}${line}`);
}
