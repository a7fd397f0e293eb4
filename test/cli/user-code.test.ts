/** A user's module that misbehaves costs its own run at most, and never what was measured before. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vhostlab-module-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PHASES = '[{name: before, rate: 1kpps, duration: 300ms},{name: flood, rate: 30kpps, duration: 300ms}]';
/** The 1,000th frame of a vCPU is one of the second phase. */
const AT_THE_FLOOD = 'if (++frames === 1000)';

/** Runs a module on virtual time; `process` is the body of its method, or `module` the whole text. */
function run(name: string, { process = '', module = '' }: { process?: string; module?: string }) {
  const path = join(folder, `${name}.ts`);
  const text = `let frames = 0;
    export default () => ({ name: 'mine', drops: [], process(_b: unknown, _o: unknown, _l: unknown, port: number) {
      ${process}
      return 1 - port;
    } });`;
  writeFileSync(path, module === '' ? text : module);
  const json = join(folder, `${name}.json`);
  const set = [`vms.0.nf=${path}`, `run.phases=${PHASES}`, 'run.warmup=0s', 'expect=[]'].flatMap((s) => ['--set', s]);
  const args = ['run', 'my-function', '--host', 'virtual', ...set, '--json', json];
  const { status, stderr } = spawnSync('node', ['--import', 'tsx', join(ROOT, 'src/cli/main.ts'), ...args], {
    encoding: 'utf8',
    cwd: ROOT,
    timeout: 60_000,
  });
  const result = existsSync(json) ? (JSON.parse(readFileSync(json, 'utf8')) as Result) : null;
  return { status, stderr, result, path };
}

interface Result {
  readonly phases: readonly { name: string }[];
  readonly failure: string | null;
  readonly reports: readonly { lines: readonly string[] }[];
}

describe('a module of the user', () => {
  it('that never returns is named, and the phase before it is kept', () => {
    const { status, stderr, result, path } = run('loop', { process: `${AT_THE_FLOOD} for (;;);` });
    const failure = `thread vm0/vcpu0 in ${path} did not return within 5 s`;
    expect({ status, stderr }).toEqual({ status: 1, stderr: `vhostlab failed: ${failure}\n` });
    expect(result).toMatchObject({ failure, phases: [{ name: 'before' }] });
  });

  it('that ends the process while it is loaded, by a way round its guard, has not ended well', () => {
    const module = `import { exit } from 'node:process'; exit(0); export default () => null;`;
    const { status, stderr } = run('exit', { module });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'vhostlab failed: ended by code of a module before it was done\n',
    });
  });

  it('that leaves a timer behind does not keep the program from its end', () => {
    const { status, stderr } = run('timer', { process: 'if (++frames === 1) setInterval(() => 0, 100);' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('whose promise rejects unheard ends the run in good order', () => {
    const { status, stderr, result } = run('stray', {
      process: `${AT_THE_FLOOD} void Promise.reject(new Error('unheard'));`,
    });
    expect(status).toBe(130);
    expect(stderr).toContain('vhostlab failed: unheard\n');
    expect(result?.phases[0]).toMatchObject({ name: 'before' });
  });

  it('that answers what is no answer is told so', () => {
    const { status, result } = run('promise', { process: 'if (port === 0) return Promise.resolve(1) as never;' });
    expect(status).toBe(0);
    const lines = result?.reports.flatMap((report) => report.lines);
    expect(lines).toContain("process answered Promise { 1 }, allowed: a vNIC's number or a drop's");
  });
});
