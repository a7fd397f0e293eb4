import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadScenario, parseScenario } from '../../../src/plan/load-scenario.ts';
import { COST_PROFILES } from '../../../src/scenario/profiles/cost-profiles.ts';
import { parseProfile } from '../../../src/scenario/profiles/profile-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhostlab-profile-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PROFILE = `name: mine
made: { machine: this one }
lines:
  nicRx: { ns: 99.4, low: 90, high: 110, how: measured, why: counted }
  irq: { ns: 6300, how: derived, why: counted }
`;
const profile = join(folder, 'mine.yaml');
writeFileSync(profile, PROFILE);
const scenario = join(folder, 'scenario.yaml');

const costs = (text: string) => parseScenario(text, scenario).hosts[0].costs;

describe('a cost profile in a file', () => {
  test('is taken by a path beside the scenario, and what it leaves out is as in linux', () => {
    const { inherit, table } = costs('host: { costs: ./mine.yaml }\n');
    expect(inherit).toBe('mine');
    expect(table).toEqual({ ...COST_PROFILES.linux, nicRx: 99, irq: 6300 });
  });

  test('may be what single lines change, and is found from where the user stands in an override', () => {
    expect(costs('host: { costs: { inherit: mine.yaml, irq: 1us } }\n').table).toMatchObject({ nicRx: 99, irq: 1000 });
    const { hosts } = loadScenario('livelock', { overrides: [`host.costs=${profile}`] });
    expect(hosts[0].costs.table.irq).toBe(6300);
  });

  test('is refused where it is not there or no profile, at the place that names it', () => {
    expect(() => costs('host: { costs: ./absent.yaml }\n')).toThrow(
      `scenario.yaml:1:16: found no file ${join(folder, 'absent.yaml')}, allowed: a profile that vhostlab calibrate`,
    );
    writeFileSync(join(folder, 'other.yaml'), 'ports: []\n');
    expect(() => costs('host: { costs: ./other.yaml }\n')).toThrow(/other\.yaml: name: .+, allowed: a profile/);
    expect(() => costs('host: { costs: linx }\n')).toThrow('allowed: none, linux, or the path of a profile');
  });

  test('has lines that are costs of this program, each with a figure', () => {
    expect(() => parseProfile(PROFILE.replace('nicRx', 'nicXx'))).toThrow(/lines/);
    expect(() => parseProfile(PROFILE.replace('99.4', '-1'))).toThrow(/lines\.nicRx\.ns/);
  });
});
