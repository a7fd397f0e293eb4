import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { UserFunction } from '../../actors/network-functions/user-function.ts';
import { createUserFunction, userFunctionCounters } from '../../src/runtime/function-module.ts';
import { bundleFunctionModule } from '../../src/topology/function-bundle.ts';
import { parseScenario } from '../../src/topology/scenario-file.ts';
import { buildPlan } from '../../src/topology/build-plan.ts';
import { Packet, ROUTING } from '../support/packets.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhostlab-nf-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ACTORS = join(import.meta.dirname, '../../actors/network-functions');

function moduleOf(source: string, name = 'own.ts'): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

function functionOf(source: string, vcpu = 0): UserFunction {
  const module = bundleFunctionModule(moduleOf(source));
  const guest = { ...ROUTING, vcpu, vcpus: 2 };
  return createUserFunction({ kind: 'module', ...guest, module, counters: userFunctionCounters(module, guest) });
}

const answering = (body: string, more = '') => `
  ${more}
  export default (guest: { vcpu: number }) => ({
    name: 'own',
    drops: [{ name: 'nf_odd', reason: 'odd' }],
    process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): unknown { ${body} },
  });`;

describe('a module', () => {
  test('is TypeScript that may import what this program has', () => {
    const nf = functionOf(`
      import { IpForward } from '${ACTORS}/ip-forward.ts';
      import type { NetworkFunctionFactory } from '${ACTORS}/user-function.ts';
      const build: NetworkFunctionFactory = (guest) => new IpForward(guest);
      export default build;`);
    const packet = new Packet();
    expect(packet.through(nf)).toBe('out by 1');
    expect(packet.ttl).toBe(63);
    expect(new Packet({ ttl: 1 }).through(nf)).toBe('nf_ttl_exceeded');
    expect(nf.drops.at(-1)!.name).toBe('nf_exceptions');
  });

  test('is told which vCPU it is built for, and shares no variable with the one of another', () => {
    const source = answering('calls++; return calls === 1 ? guest.vcpu : -1;', 'let calls = 0;');
    const [first, second] = [functionOf(source, 0), functionOf(source, 1)];
    expect([new Packet().through(first), new Packet().through(second)]).toEqual(['out by 0', 'out by 1']);
    expect(new Packet().through(first)).toBe('nf_odd');
  });

  test('counts events of its own', () => {
    const nf = functionOf(`
      const counts = new Float64Array(1);
      export default () => ({
        name: 'own', drops: [], events: ['nf_seen'], counts, process: () => { counts[0]++; return 0; },
      });`);
    new Packet().through(nf);
    expect([nf.events, [...nf.counts]]).toEqual([['nf_seen'], [1]]);
  });
});

describe('faults of the function', () => {
  test('a frame it throws on is dropped as nf_exceptions; the first exception is reported with its place', () => {
    const nf = functionOf(answering("if (port === 1) throw new Error('of port ' + length);\n return 0;"));
    expect(new Packet().through(nf, 1)).toBe('nf_exceptions');
    expect(new Packet({ payload: new Array<number>(200).fill(0) }).through(nf, 1)).toBe('nf_exceptions');
    expect(new Packet().through(nf, 0)).toBe('out by 0');
    const report = nf.report();
    expect(report[0]).toBe('Error: of port 60');
    expect(report[1]).toMatch(new RegExp(`process \\(${folder}/own\\.ts:6:\\d+\\)$`));
    expect(report.join('\n')).not.toContain('user-function');
  });

  test('what is thrown need be no Error', () => {
    const nf = functionOf(answering("throw 'just text';"));
    expect(new Packet().through(nf)).toBe('nf_exceptions');
    expect(nf.report()).toEqual(['just text']);
  });

  test.each(['undefined', 'NaN', '0.5', "'0'", '-2', '-100', 'null', '2 ** 40'])(
    '%s is the answer of no vNIC',
    (answer) => {
      const nf = functionOf(answering(`return ${answer};`));
      expect(nf.process(new Packet().bytes, 0, 60, 0, 0)).toBe(0x7fffffff);
    },
  );
});

describe('a scenario', () => {
  const scenario = (source: string | null, nf = './own.ts') => {
    if (source !== null) moduleOf(source);
    return parseScenario(`vms: [{ name: vm0, nf: ${nf} }]\n`, join(folder, 'x.yaml'));
  };
  const fault = (source: string | null, nf?: string): string => {
    try {
      scenario(source, nf);
    } catch (error) {
      return (error as Error).message.replaceAll(folder, '');
    }
    return 'none';
  };
  const allowed = ', allowed: the path of a module whose default export builds a network function';
  const PLACE = '/x.yaml:1:24: ';
  const built = (parts: string) => `export default () => (${parts});`;

  test('finds the module beside it and plans its counters, for each vCPU', () => {
    const { vms } = scenario(answering('return 0;'));
    expect(vms[0].nf).toMatchObject({ kind: 'module', path: join(folder, 'own.ts') });
    expect(JSON.parse(JSON.stringify(vms[0].nf))).toEqual(vms[0].nf);
    const actors = buildPlan(scenario(null)).threads.flatMap(({ actors }) => actors);
    const counters = actors.filter(({ spec }) => spec.kind === 'vcpu').map((actor) => actor.counters.slice(-2));
    expect(counters).toEqual(
      [0, 1].map(() => [
        { name: 'nf_odd', reason: 'odd', role: 'drop' },
        { name: 'nf_exceptions', reason: 'exception in the network function', role: 'drop' },
      ]),
    );
  });

  test('of the command line names it from where the user stands', () => {
    const { vms } = parseScenario('', 'elsewhere/x.yaml', {
      overrides: [`vms.vm0.nf=${moduleOf(answering('return 0;'))}`],
    });
    expect(vms[0].nf).toMatchObject({ path: join(folder, 'own.ts') });
  });

  test.each<[string, string | null, string]>([
    ['no file /missing.ts', null, './missing.ts'],
    ['no default export', 'export const build = 1;', './own.ts'],
    ['the default export is object, wanted: a function that builds it', 'export default {};', './own.ts'],
    ['what it builds is no object', built('undefined'), './own.ts'],
    ['what it builds has no method process', built("{ name: 'a', drops: [] }"), './own.ts'],
    ['what it builds has no list drops', built("{ name: 'a', process() {} }"), './own.ts'],
    ['what it builds has no name', built('{ drops: [], process() {} }'), './own.ts'],
    [
      'what it builds counts "Odd", wanted: a name such as nf_too_fast, not nf_errors, nf_exceptions',
      built("{ name: 'a', drops: [{ name: 'Odd', reason: 'r' }], process() {} }"),
      './own.ts',
    ],
    [
      'what it builds counts two things by the same name',
      built("{ name: 'a', drops: [{ name: 'nf_a', reason: 'r' }], events: ['nf_a'], process() {} }"),
      './own.ts',
    ],
    [
      'what it builds has events, and no counts, a Float64Array of as many',
      built("{ name: 'a', drops: [], events: ['nf_a'], process() {} }"),
      './own.ts',
    ],
  ])('refuses: %s', (sentence, source, nf) => {
    expect(fault(source, nf)).toBe(`${PLACE}${sentence}${allowed}`);
  });

  test('says where a module throws, and where it does not build', () => {
    expect(fault("const a = 1;\nthrow new TypeError('early');\nexport default a;")).toMatch(
      /^\/x\.yaml:1:24: it throws when it is loaded: TypeError: early\n +at .*\/own\.ts:2:7/,
    );
    expect(fault("export default () => {\n  throw new Error('late');\n};")).toMatch(
      /it is built: Error: late\n +at .*\/own\.ts:2:9/,
    );
    expect(fault('export default (')).toMatch(/it does not build: Build failed with 1 error:\n.*own\.ts:1:16: ERROR: /);
  });

  test('refuses what is neither a mapping nor the path of a module', () => {
    const sentence = 'allowed: a mapping such as {kind: ip-forward}, or the path of a module such as ./my-function.ts';
    expect(fault(null, 'firewall')).toBe(`${PLACE}found "firewall", ${sentence}`);
    expect(fault(null, '[]')).toBe(`${PLACE}found a list, ${sentence}`);
  });
});
