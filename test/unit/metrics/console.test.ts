import { stripVTControlCharacters } from 'node:util';
import { EMPTY, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { renderFrame } from '../../../src/metrics/sinks/console-frame.ts';
import { ConsoleView } from '../../../src/metrics/sinks/console-view.ts';
import type { Screen } from '../../../src/metrics/sinks/console-view.ts';
import type { IntervalRecord } from '../../../src/metrics/derive/interval-record.ts';
import { paintFor } from '../../../src/metrics/text/text-table.ts';
import { connectionRecord, floodRecord, heading } from '../../support/interval-records.ts';

const frame = (columns: number, rows: number, record = floodRecord, previous: IntervalRecord | null = null): string[] =>
  renderFrame(heading, record, previous, { columns, rows }, paintFor(false));

describe('a frame on the console', () => {
  it.each([
    [80, 24],
    [100, 30],
    [120, 40],
    [60, 12],
    [30, 5],
    [250, 100],
  ])('fits %i columns and %i rows', (columns, rows) => {
    const lines = frame(columns, rows);
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(columns);
  });

  it('shows streams, path and threads completely in 80 by 24, a row for each component', () => {
    const lines = frame(80, 24);
    for (const { name } of floodRecord.streams) expect(lines.some((line) => line.startsWith(name))).toBe(true);
    for (const { name } of floodRecord.threads) expect(lines.some((line) => line.startsWith(name))).toBe(true);
    expect(lines.find((line) => line.startsWith('tap1'))).toBe(
      'tap1                238k   1.25k    236k     0/1024  tap queue full',
    );
    expect(lines.find((line) => line.startsWith('eth0-to-eth1'))).toMatch(
      /1\.49M +1\.49M +54\.3k +96 % +4\.61 ms +6\.94 ms +8\.1 ms$/,
    );
    expect(lines.find((line) => line.startsWith('vhost-vnic0  '))).toContain('500/500');
    expect(lines.join('\n')).not.toContain('more rows');
  });

  it('gives each direction its row where there is room', () => {
    const lines = frame(120, 40);
    expect(lines.filter((line) => line.startsWith('vhost-vnic0')).map((line) => line.slice(0, 16).trim())).toEqual([
      'vhost-vnic0 rx',
      'vhost-vnic0 tx',
      'vhost-vnic0',
    ]);
    expect(lines.join('\n')).toContain('guest transmit queue discipline full 80 %, not IPv4 20 %');
  });

  it('says what to type where real programs are, and how long they have', () => {
    const commands = ['ip netns exec vhostlab-4711-eth0 ping 198.18.1.10'];
    const parts = [{ name: 'attached', rate: '', durationNs: Infinity }];
    const record = { ...floodRecord, phase: 'attached', streams: [] };
    for (const rows of [24, 12]) {
      const open = { ...heading, parts, commands };
      const lines = renderFrame(open, record, null, { columns: 80, rows }, paintFor(false));
      expect(lines.length).toBeLessThanOrEqual(rows);
      expect(lines[0]).toContain('14.5 s, until Ctrl-C');
      expect(lines.slice(1, 3)).toEqual(['each in a terminal of its own, as root:', `  ${commands[0]}`]);
    }
  });

  it('shows connections in a table of their own, beside streams or alone', () => {
    const row = /^eth0-to-vnic0 +40k +8\.21k +8\.19k +31\.7k +4\.61 ms +6\.94 ms$/;
    for (const streams of [[], floodRecord.streams]) {
      const lines = frame(80, 30, { ...connectionRecord, streams });
      expect(lines.length).toBeLessThanOrEqual(30);
      expect(lines.find((line) => line.startsWith('CONNECTIONS/s'))).toMatch(/offered +established +completed +failed/);
      expect(lines.find((line) => line.startsWith('eth0-to-vnic0'))).toMatch(row);
      expect(lines.some((line) => line.startsWith('STREAM'))).toBe(streams.length > 0);
    }
  });

  it('leaves out idle threads first, and then says how many rows are missing', () => {
    expect(frame(80, 23).some((line) => line.startsWith('vm0/vmm'))).toBe(false);
    expect(frame(80, 23).join('\n')).not.toContain('more rows');
    expect(frame(80, 20).at(-1)).toBe('… 4 more rows: the terminal is too low');
  });

  it('has an arrow where delivery changed', () => {
    const [first, second] = floodRecord.streams;
    const previous = {
      ...floodRecord,
      streams: [
        { ...first, deliveredFps: 60_000 },
        { ...second, deliveredFps: 1100 },
      ],
    };
    const lines = frame(80, 24, floodRecord, previous);
    expect(lines.find((line) => line.startsWith('eth0-to-eth1'))).toContain('54.3k↓');
    expect(lines.find((line) => line.startsWith('eth1-to-eth0'))).toContain('1.24k↑');
  });

  it('shows what is not known as a dash', () => {
    const blind = floodRecord.threads.map((thread) => {
      return { ...thread, waitingRatio: null, asleepRatio: null, switchesPerSecond: null };
    });
    const line = frame(80, 24, { ...floodRecord, threads: blind }).find((each) => each.startsWith('softirq0  '));
    expect(
      frame(80, 24, { ...floodRecord, threads: blind })
        .filter((each) => each.startsWith('softirq0'))
        .at(-1),
    ).toMatch(/64 % +- +- +-$/);
    expect(line).toBeDefined();
  });

  it('has the same words with colours', () => {
    const painted = renderFrame(heading, floodRecord, null, { columns: 80, rows: 24 }, paintFor(true));
    expect(painted.join('\n')).toContain('\x1b[31m');
    expect(painted.map(stripVTControlCharacters)).toEqual(frame(80, 24));
  });
});

class RecordingScreen implements Screen {
  columns = 80;
  rows = 24;
  written = '';
  resize: (() => void) | null = null;
  write(text: string): boolean {
    this.written += text;
    return true;
  }
  on(_event: 'resize', listener: () => void): void {
    this.resize = listener;
  }
  off(): void {
    this.resize = null;
  }
}

describe('the console view', () => {
  const ALTERNATE = '\x1b[?1049h';
  const PRIMARY = '\x1b[?1049l';

  it('draws in place on the alternate screen and never scrolls it', () => {
    const screen = new RecordingScreen();
    const intervals = new Subject<IntervalRecord>();
    const view = new ConsoleView({ heading, startNs: 0, provisioning: EMPTY, intervals }, screen, paintFor(false));
    intervals.next(floodRecord);
    intervals.next(floodRecord);
    expect(screen.written.startsWith(ALTERNATE)).toBe(true);
    const frames = screen.written.split('\x1b[H').slice(1);
    expect(frames).toHaveLength(2);
    for (const drawn of frames) {
      expect(drawn.split('\r\n').length).toBeLessThanOrEqual(24);
      expect(drawn.replaceAll('\r\n', '')).not.toContain('\n');
      expect(drawn.endsWith('\x1b[J')).toBe(true);
    }
    view.close();
  });

  it('draws again when the window changes size', () => {
    const screen = new RecordingScreen();
    const intervals = new Subject<IntervalRecord>();
    const view = new ConsoleView({ heading, startNs: 0, provisioning: EMPTY, intervals }, screen, paintFor(false));
    screen.resize?.();
    expect(screen.written).not.toContain('\x1b[H');
    intervals.next(floodRecord);
    screen.columns = 40;
    screen.written = '';
    screen.resize?.();
    for (const line of stripVTControlCharacters(screen.written).split('\r\n'))
      expect(line.length).toBeLessThanOrEqual(40);
    view.close();
  });

  it.each([
    ['traffic ends', (intervals: Subject<IntervalRecord>) => intervals.complete()],
    ['the run fails', (intervals: Subject<IntervalRecord>) => intervals.error(new Error('a thread died'))],
  ])('gives the terminal back once when %s', (_when, end) => {
    const screen = new RecordingScreen();
    const intervals = new Subject<IntervalRecord>();
    const listeners = process.listenerCount('exit');
    const view = new ConsoleView({ heading, startNs: 0, provisioning: EMPTY, intervals }, screen, paintFor(false));
    end(intervals);
    view.close();
    expect(screen.written.endsWith(PRIMARY)).toBe(true);
    expect(screen.written.split(PRIMARY)).toHaveLength(2);
    expect(screen.resize).toBeNull();
    expect(process.listenerCount('exit')).toBe(listeners);
  });
});
