/** Figures that the documentation gives of the virtual host are those of a fresh run, which is the same to the last frame. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import type { SweepResult } from '../../src/experiment/sweep/sweep-result.ts';
import { formatCompact, formatShare, formatTime } from '../../src/text/number-format.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'scenarios/README.md'), 'utf8');
const MAIN = join(ROOT, 'src/cli/main.ts');
const folder = mkdtempSync(join(tmpdir(), 'vhostlab-figures-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the sweep of `scenario` that the page gives in a block of code, as it stands there. */
function publishedSweep(scenario: string): SweepResult {
  const code = PAGE.replaceAll(/\\\n\s*/g, '');
  const command = new RegExp(`^npm run vhostlab -- (sweep ${scenario} --host virtual .*)$`, 'm').exec(code)![1];
  const json = join(folder, `${scenario}.json`);
  const args = ['--import', 'tsx', MAIN, ...command.split(/\s+/), '--json', json];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(readFileSync(json, 'utf8')) as SweepResult;
}

/** Rows of the table whose heading begins with `title`, without its heading. */
function publishedTable(title: string): string[][] {
  const lines = PAGE.slice(PAGE.indexOf(`| ${title} `)).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

it('the talk: what the virtual host finds, and all that the talk says of it holds', { timeout: 90_000 }, () => {
  const { search, variants, points, expectations } = publishedSweep('kvm-forum-2014');
  expect(expectations.length).toBeGreaterThanOrEqual(10);
  expect(expectations.filter(({ passed }) => passed !== true)).toEqual([]);
  expect(PAGE).toContain(`is ${formatCompact(search!.lossFreePerSecond)} on the virtual host`);
  const fresh = variants.map(({ name, peak }) => {
    const last = points.filter(({ variant }) => variant === name).at(-1)!;
    const [most, left] = [peak!.egressPerSecond, last.egressPerSecond.median].map((rate) => formatCompact(rate));
    return [name, most, left, last.lostAt[0].place];
  });
  expect(publishedTable('on the virtual host')).toEqual(fresh);
});

it('the ladder: the peaks on virtual time', { timeout: 90_000 }, () => {
  const { variants, expectations } = publishedSweep('ladder');
  expect(expectations.length).toBeGreaterThanOrEqual(7);
  expect(expectations.filter(({ passed }) => passed !== true)).toEqual([]);
  const [, ...published] = publishedTable('peak, kpps').find(([host]) => host === 'virtual time')!;
  expect(published).toEqual(variants.map(({ peak }) => formatCompact(peak!.egressPerSecond).replace('k', '')));
});

it('the shared NIC: what the quiet VM loses and waits', { timeout: 90_000 }, () => {
  const { points } = publishedSweep('noisy-neighbour-vhost');
  const fresh = points.map(({ variant, streams }) => {
    const { lossRatio, latency } = streams.find(({ name }) => name === 'quiet')!;
    return [variant, formatShare(lossRatio!.median), formatTime(latency!.p50Ns), formatTime(latency!.p99Ns)];
  });
  const published = publishedTable('the quiet VM, neighbour flooded');
  expect(published.map(([variant, , ...figures]) => [variant, ...figures])).toEqual(fresh);
});
