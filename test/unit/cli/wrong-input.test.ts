import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPlan } from '../../../src/cli/bench-2544-command.ts';
import { compareCommand } from '../../../src/cli/compare-command.ts';

describe('wrong input of verbs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vhostlab-wrong-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const base = { set: [], setA: [], setB: [], blocks: 6, duration: '1s', warmup: '0s', failOn: [] } as const;
  const compare = (a: string, b: string, setB: readonly string[] = []) =>
    compareCommand(a, b, { ...base, setB, host: 'virtual' });

  it('is told by the flag that was typed, and by the file', async () => {
    await expect(compare('livelock', 'livelock', ['host.kernel=linux-9'])).rejects.toThrow(
      /^--set-b: host.kernel: found "linux-9", allowed: /,
    );
    const file = join(folder, 'other.json');
    writeFileSync(file, '{}');
    await expect(compare(file, file)).rejects.toThrow(`${file}: found no result, allowed: a sweep's`);
    writeFileSync(file, '{"kind":"run"}');
    await expect(compare(file, file)).rejects.toThrow(`${file}: found the result of run, allowed: a sweep's`);
  });

  it('is no large frame, for which the phases of a scenario offer more than the line holds', () => {
    const { variants } = readPlan('livelock', {
      sizes: ['64', '1518', 'imix'],
      set: [],
      warmup: '0s',
      host: 'virtual',
    });
    expect(variants.map(({ scenario }) => scenario.traffic.streams[0].frameBytes[0])).toEqual([64, 1518, 64]);
  });
});
