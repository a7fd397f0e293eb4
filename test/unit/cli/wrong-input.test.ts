import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPlan } from '../../../src/cli/bench-2544-command.ts';
import { compareCommand } from '../../../src/cli/compare-command.ts';
import { pcapBytes } from '../../support/capture-bytes.ts';

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

  it('is a capture through a pipe, which the other side could not read once more', async () => {
    const [file, pipe] = [join(folder, 'frame.pcap'), join(folder, 'frame.fifo')];
    const bytes = [...Array<number>(12).fill(2), 8, 0, ...Array<number>(46).fill(0)];
    writeFileSync(file, pcapBytes([{ seconds: 0, fraction: 0, bytes }], true));
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', 'exec cat "$0" > "$1"', file, pipe]);
    const set = [`traffic.pcap=${pipe}`];
    const refused = compareCommand('livelock', 'livelock', { ...base, set, host: 'virtual' });
    await expect(refused).rejects.toThrow(`traffic.pcap: found ${pipe}, allowed: a file`);
    writer.kill();
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
