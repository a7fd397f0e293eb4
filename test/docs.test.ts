/** What the documentation names exists: links, paths, scripts, verbs, flags, scenarios and their keys, exit codes. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { scenarioCatalogue, withCatalogue } from '../src/experiment/catalogue/scenario-page.ts';
import { EXIT_MEANINGS, exitCodesText } from '../src/experiment/run/exit-codes.ts';
import * as exitCodes from '../src/experiment/run/exit-codes.ts';
import {
  FOREIGN_RATIO_MAX,
  LATE_RATIO_MAX,
  SENT_RATIO_MIN,
  STEAL_RATIO_MAX,
  THROTTLED_RATIO_MAX,
} from '../src/experiment/judge/validity.ts';
import { formatShare } from '../src/text/number-format.ts';
import { VNIC_MODES } from '../src/scenario/modes.ts';
import { loadScenario } from '../src/plan/load-scenario.ts';
import { shippedScenarios } from '../src/scenario/file.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README_LINES_MAX = 150;
const FOLDERS = ['.github', 'actors', 'scenarios', 'src', 'test'];
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const below = (folder: string, end: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => join(folder, name));

const PAGES = ['README.md', ...FOLDERS.flatMap((folder) => below(folder, '.md'))].sort();
const SCENARIOS = shippedScenarios();
const MANIFEST = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
const CLI = below('src/cli', '.ts').map(read).join('\n');
const VERBS = [...CLI.matchAll(/\.command\('([\w-]+)'\)/g)].map(([, verb]) => verb);
const BENCH_FLAGS = [...read('test/bench/main.ts').matchAll(/(\w+): \{ type: '/g)].map(([, name]) => `--${name}`);
const FLAGS = new Set(['--help', ...BENCH_FLAGS, ...(CLI.match(/(?<=')--[\w-]+/g) ?? [])]);

/** Spans and blocks of code of a page, a command that goes over lines as one. */
function codeOf(page: string): string[] {
  const blocks: string[] = [];
  const rest = read(page).replace(/^```\w*\n(.*?)^```/gms, (_, block: string) => {
    blocks.push(...block.replaceAll(/\\\n\s*/g, '').split('\n'));
    return '';
  });
  return [...blocks, ...[...rest.matchAll(/`([^`]+)`/g)].map(([, span]) => span.replaceAll(/\s+/g, ' '))];
}

/** What a check finds wrong of each piece of code, as `page: what`. */
const faultsIn = (check: (code: string, page: string) => string[]): string[] =>
  PAGES.flatMap((page) => codeOf(page).flatMap((code) => check(code, page).map((fault) => `${page}: ${fault}`)));

/** Words of a command line of ours, after `vhostlab --` or `vhostlab`; null for other code. */
function commandOf(code: string): string[] | null {
  const match = /^(?:npm run vhostlab --|vhostlab) ([a-z].*?)(?: +#.*)?$/.exec(code.trim());
  return match === null ? null : match[1].split(/\s+/);
}

/** The anchor that a heading has on a page. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s/g, '-');

const exists = (page: string, path: string): boolean =>
  [ROOT, join(ROOT, dirname(page))].some((from) => existsSync(join(from, path)));

describe('pages', () => {
  test(`README has at most ${README_LINES_MAX} lines, and the two commands`, () => {
    const lines = read('README.md').split('\n');
    expect(lines.length - 1).toBeLessThanOrEqual(README_LINES_MAX);
    for (const command of ['npm ci && npm start', 'npm ci && npm test']) {
      expect(lines.filter((line) => line.startsWith(`${command} `))).toHaveLength(1);
    }
  });

  test('every page is reached from README, by links', () => {
    const reached = new Set(['README.md']);
    for (const page of reached) {
      for (const { path } of linksOf(page)) {
        const target = path === '' ? page : join(dirname(page), path);
        if (PAGES.includes(target)) reached.add(target);
      }
    }
    expect(PAGES.filter((page) => !reached.has(page))).toEqual([]);
  });

  test('every kind of test has a page', () => {
    const files = ['unit', ...below('test', '.test.ts').map((file) => relative('test', file).split('/')[0])];
    const kinds = [...new Set(files)].filter((name) => !name.endsWith('.ts'));
    expect([...kinds, 'bench'].filter((kind) => !PAGES.includes(`test/${kind}/README.md`))).toEqual([]);
  });

  test('the page of the packet path names every component', () => {
    const components = below('actors', '.ts').filter((file) => /\bimplements Actor\b/.test(read(file)));
    expect(components.length).toBeGreaterThan(10);
    const page = read('actors/README.md');
    expect(components.filter((file) => !page.includes(`\`${relative('actors', file)}\``))).toEqual([]);
  });
});

function linksOf(page: string): { path: string; anchor: string }[] {
  return [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].map(([, path, anchor]) => ({
    path,
    anchor: anchor ?? '',
  }));
}

describe('what a page names is there', () => {
  test('the targets of links', () => {
    const wrong = PAGES.flatMap((page) =>
      linksOf(page).flatMap(({ path, anchor }) => {
        const target = path === '' ? page : join(dirname(page), path);
        if (!existsSync(join(ROOT, target))) return [`${page}: ${path}`];
        if (anchor === '') return [];
        const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading));
        return headings.includes(anchor) ? [] : [`${page}: ${path}#${anchor}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('paths', () => {
    // A word in capitals stands for a name of the reader's; a path of the kernel's or of QEMU's is not ours.
    const isOurs = (code: string): boolean => {
      if (/\s|[A-Z*{]/.test(code.replaceAll('README', ''))) return false;
      return /^(\.\/)?(actors|scenarios|src|test|\.github|\.ci)\//.test(code) || /\.(ts|yaml|json|md)$/.test(code);
    };
    const wrong = faultsIn((code, page) => (isOurs(code) && !exists(page, code) ? [code] : []));
    expect(wrong).toEqual([]);
  });

  test('npm scripts', () => {
    const wrong = faultsIn((code) =>
      [...code.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g)].flatMap(([text, script, name]) =>
        MANIFEST.scripts[script ?? name] === undefined ? [text] : [],
      ),
    );
    expect(wrong).toEqual([]);
    expect(codeOf('README.md').some((code) => code.includes('npm run talk'))).toBe(true);
  });

  test('verbs and flags', () => {
    expect(VERBS.length).toBeGreaterThan(5);
    const wrong = faultsIn((code) => {
      const verb = commandOf(code)?.[0];
      const flags =
        /^--[a-z]/.test(code) || commandOf(code) !== null ? (code.match(/(?<= |^)--[a-z][\w-]*/g) ?? []) : [];
      return [
        ...(verb === undefined || VERBS.includes(verb) ? [] : [verb]),
        ...flags.filter((flag) => !FLAGS.has(flag)),
      ];
    });
    expect(wrong).toEqual([]);
    const readme = read('README.md');
    expect(VERBS.filter((verb) => !new RegExp(`\`(npm run vhostlab -- )?${verb}\\b`).test(readme))).toEqual([]);
  });

  test('scenarios, and what is set in them', () => {
    const wrong = faultsIn((code) => {
      const [verb, name, ...flags] = commandOf(code) ?? [];
      if (verb === undefined || !['run', 'sweep', 'topology', 'validate'].includes(verb)) return [];
      if (name === undefined || /^[A-Z]+$/.test(name)) return [];
      if (!SCENARIOS.includes(name)) return [`no scenario ${name}`];
      const valuesOf = (flag: string): string[] => flags.filter((_, i) => flags[i - 1] === flag);
      const modes = valuesOf('--modes').flatMap((list) => list.split(','));
      expect(() => loadScenario(name, { overrides: valuesOf('--set') }), code).not.toThrow();
      return modes.filter((mode) => !VNIC_MODES.some((known) => known === mode));
    });
    expect(wrong).toEqual([]);
  });

  test('a table’s first column of scenarios', () => {
    const table = read('README.md').split('## Six scenarios')[1].split('\n## ')[0];
    const names = [...table.matchAll(/^\| `([\w-]+)` +\|/gm)].map(([, name]) => name);
    expect(names).toHaveLength(6);
    expect(names.filter((name) => !SCENARIOS.includes(name))).toEqual([]);
  });
});

describe('what is said twice is said alike', () => {
  test('exit codes: the table has each, and README all that a run has', () => {
    const codes = Object.entries(exitCodes).flatMap(([name, value]) => (/^EXIT_[A-Z_]+$/.test(name) ? [value] : []));
    const numbers = codes.filter((value) => typeof value === 'number');
    expect(EXIT_MEANINGS.map(({ code }) => code)).toEqual(numbers.sort((a, b) => a - b));
    expect(read('README.md').replaceAll(/\s+/g, ' ')).toContain(`${exitCodesText('run')}.`);
  });

  test('the catalogue of scenarios is what npm run docs writes', () => {
    const page = read('scenarios/README.md');
    const catalogue = scenarioCatalogue(SCENARIOS.map((name) => loadScenario(name)));
    expect(withCatalogue(page, catalogue)).toBe(page);
  });

  test('every scenario answers a question of that page', () => {
    const questions = read('scenarios/README.md').split('## By question')[1].split('\n## ')[0];
    expect(SCENARIOS.filter((name) => !questions.includes(`\`${name}\``))).toEqual([]);
  });

  test('the function that the page shows is the file', () => {
    expect(read('scenarios/README.md')).toContain(`\`\`\`ts\n${read('scenarios/my-function.ts')}\`\`\`\n`);
  });

  test('the benchmarks have the hops of the budget', () => {
    const stations = [...read('test/bench/budget.ts').matchAll(/station: '([^']+)'/g)].map(([, station]) => station);
    expect(stations.length).toBeGreaterThan(10);
    const page = read('test/bench/README.md');
    expect(stations.filter((station) => !page.includes(`| ${station} `))).toEqual([]);
  });
});

test('numbers that no key changes stand in the code as the page of fidelity says', () => {
  const rows = [...read('src/scenario/profiles/README.md').matchAll(/^\| `(\w+ = [\w.]+)` +\| `([\w./-]+)`/gm)];
  expect(rows.length).toBeGreaterThan(10);
  const stale = rows.filter(([, number, file]) => !read(file).includes(`const ${number};`));
  expect(stale.map(([, number, file]) => `${file}: ${number}`)).toEqual([]);
});

test('the limits of validity are those of the code, in both places that give them', () => {
  const limits = [SENT_RATIO_MIN, LATE_RATIO_MAX, FOREIGN_RATIO_MAX, STEAL_RATIO_MAX, THROTTLED_RATIO_MAX].map(
    formatShare,
  );
  expect(limits).toEqual(['99.9 %', '0.40 %', '3.0 %', '1.0 %', '0.10 %']);
  for (const page of ['README.md', 'src/experiment/README.md']) {
    const [, text] = /_Validity_: ([^]*?)exits 110/.exec(read(page))!;
    expect(limits.filter((limit) => !text.replaceAll(/\s+/g, ' ').includes(limit))).toEqual([]);
  }
});
