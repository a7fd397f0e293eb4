import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CONSUMED } from '../../../../actors/guest/network-functions/network-function.ts';
import type { FunctionContext } from '../../../../actors/guest/network-functions/network-function.ts';
import { NO_FRAMES } from '../../../../actors/guest/network-functions/user-frames.ts';
import type { UserFunction } from '../../../../actors/guest/network-functions/user-function.ts';
import type { RunResult } from '../../../../src/experiment/run/run-result.ts';
import { runScenario } from '../../../../src/experiment/run/run.ts';
import { createUserFunction, surveyUserFunction } from '../../../../src/runtime/function-module.ts';
import { bundleFunctionModule } from '../../../../src/plan/guest/function-bundle.ts';
import { VirtualHost } from '../../../../src/runtime/virtual/virtual-host.ts';
import { loadScenario, parseScenario } from '../../../../src/plan/load-scenario.ts';
import { buildPlan } from '../../../../src/plan/build-plan.ts';
import { Packet, ROUTING } from '../../../support/packets.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhostlab-nf-'));
afterAll(() => rmSync(folder, { recursive: true }));
const ACTORS = join(import.meta.dirname, '../../../../actors/guest/network-functions');

function moduleOf(source: string, name = 'own.ts'): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

function functionOf(source: string, vcpu = 0, frames = NO_FRAMES): UserFunction {
  const module = bundleFunctionModule(moduleOf(source));
  const guest = { ...ROUTING, vcpu, vcpus: 2 };
  return createUserFunction({ kind: 'module', ...guest, module, ...surveyUserFunction(module, guest) }, frames);
}

/** 100 ms of `livelock` with that function. */
function runVirtually(source: string, rate: string): Promise<RunResult> {
  const overrides = [
    'expect=[]',
    'run.warmup=0s',
    `run.phases=[{name: only, rate: ${rate}, duration: 100ms}]`,
    `vms.vm0.nf=${moduleOf(source, 'ran.ts')}`,
  ];
  const scenario = loadScenario('livelock', { overrides });
  const host = new VirtualHost(buildPlan(scenario), { seed: 1 });
  return runScenario(scenario, host, { signal: new AbortController().signal });
}

/** Three buffers of a guest, by the place of their first byte; what was sent is told as `place:length:vNIC`. */
class Buffers implements FunctionContext {
  readonly bytes = new Uint8Array(400);
  readonly frameBytesMax = 100;
  free = [100, 200, 300];
  readonly sent: string[] = [];
  claim(): number {
    return this.free.shift() ?? -1;
  }
  send(at: number, lengthBytes: number, port: number): void {
    this.sent.push(`${at}:${lengthBytes}:${port}`);
  }
  release(at: number): void {
    this.free.push(at);
  }
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

describe('frames of its own', () => {
  const sending = (body: string) => `
    import type { FunctionContext } from '${ACTORS}/network-function.ts';
    export default (guest: unknown, frames: FunctionContext) => ({
      name: 'own', drops: [], process: (bytes: Uint8Array, offset: number, length: number): unknown => { ${body} },
    });`;
  const through = (body: string) => {
    const buffers = new Buffers();
    const nf = functionOf(sending(body), 0, buffers);
    const answer = nf.process(buffers.bytes, 0, 60, 0, 0);
    return { answer, free: buffers.free, sent: buffers.sent, report: nf.report()[0]?.split('\n')[0] };
  };

  test('go out of the vNIC they are sent by, and the one they answer can end with them', () => {
    const body = 'const at = frames.claim(); frames.send(at, length, 1); return -0x80000000;';
    expect(through(body)).toMatchObject({ answer: CONSUMED, free: [200, 300], sent: ['100:60:1'] });
  });

  test('have no buffer when there is none', () => {
    const body =
      'for (let i = 0; i < 3; i++) frames.send(frames.claim(), 60, 1); return frames.claim() === -1 ? 1 : 0;';
    expect(through(body)).toMatchObject({ answer: 1, free: [], sent: ['100:60:1', '200:60:1', '300:60:1'] });
  });

  test('take no buffer with them that was not sent, whether the call returns or throws', () => {
    const claims = 'frames.claim(); frames.send(frames.claim(), 14, 0); frames.claim();';
    for (const end of ['return 0;', "throw new Error('late');"]) {
      const { free, sent } = through(claims + end);
      expect([free.sort(), sent]).toEqual([[100, 300], ['200:14:0']]);
    }
    const { free, answer } = through('frames.release(frames.claim()); return 1;');
    expect([free.sort(), answer]).toEqual([[100, 200, 300], 1]);
  });

  test.each([
    ['frames.send(64, 60, 0);', 'RangeError: no buffer at 64: it was not claimed in this call, or is gone already'],
    [
      'const at = frames.claim(); frames.send(at, 60, 0); frames.send(at, 60, 0);',
      'RangeError: no buffer at 100: it was not claimed in this call, or is gone already',
    ],
    ['frames.release(100);', 'RangeError: no buffer at 100: it was not claimed in this call, or is gone already'],
    ['frames.send(frames.claim(), 13, 0);', 'RangeError: a frame of 13 bytes, allowed: 14 to 100'],
    ['frames.send(frames.claim(), 101, 0);', 'RangeError: a frame of 101 bytes, allowed: 14 to 100'],
    ['frames.send(frames.claim(), 60.5, 0);', 'RangeError: a frame of 60.5 bytes, allowed: 14 to 100'],
  ])('%s costs the frame that is processed, and no buffer', (body, message) => {
    const { answer, report, free, sent } = through(`${body} return 0;`);
    expect([answer, report]).toEqual([-1, message]);
    expect(free.length + sent.length).toBe(3);
  });

  test('out of no vNIC are for the driver to refuse', () => {
    expect(through('frames.send(frames.claim(), 60, -1); return 0;').sent).toEqual([`100:60:${0x7fffffff}`]);
  });

  test('cannot be had while it is built', () => {
    const buffers = new Buffers();
    const early = 'export default (guest: unknown, frames: { claim(): number }) => { const at = frames.claim();';
    const nf = functionOf(`${early} return { name: 'own', drops: [], process: () => at }; };`, 0, buffers);
    expect([nf.process(buffers.bytes, 0, 60, 0, 0), buffers.free]).toEqual([0x7fffffff, [100, 200, 300]]);
  });
});

describe('timers', () => {
  const keeping = (expire: string, deadline = '5e6') => `
    import type { FunctionContext } from '${ACTORS}/network-function.ts';
    export default (guest: unknown, frames: FunctionContext) => {
      const timers = { nextDeadlineNs: ${deadline}, expire(nowNs: number) { ${expire} } };
      return { name: 'own', drops: [], timers, process: () => 0 };
    };`;

  test('are called when they are due, and may send', () => {
    const buffers = new Buffers();
    const nf = functionOf(
      keeping('this.nextDeadlineNs = nowNs + 1e6; frames.send(frames.claim(), 60, 1);'),
      0,
      buffers,
    );
    expect(nf.timers!.nextDeadlineNs).toBe(5e6);
    nf.timers!.expire(7e6);
    expect([nf.timers!.nextDeadlineNs, buffers.sent]).toEqual([8e6, ['100:60:1']]);
    expect(functionOf(answering('return 0;')).timers).toBeUndefined();
  });

  test('that throw are stopped, and say why', () => {
    const buffers = new Buffers();
    const nf = functionOf(keeping("frames.claim(); throw new Error('too late');"), 0, buffers);
    nf.timers!.expire(5e6);
    expect([nf.timers!.nextDeadlineNs, nf.report()[0].split('\n')[0]]).toEqual([Infinity, 'Error: too late']);
    expect(buffers.free.sort()).toEqual([100, 200, 300]);
  });

  test('without a deadline have none', () => {
    const nf = functionOf(keeping('this.nextDeadlineNs = NaN;'));
    nf.timers!.expire(5e6);
    expect(nf.timers!.nextDeadlineNs).toBe(Infinity);
  });
});

test('a function that copies frames and keeps time runs with a ledger that balances', async () => {
  const source = `
    import { IpForward } from '${ACTORS}/ip-forward.ts';
    import type { NetworkFunctionFactory } from '${ACTORS}/user-function.ts';
    const build: NetworkFunctionFactory = (guest, frames) => {
      const router = new IpForward(guest);
      const counts = new Float64Array(2);
      let last = 0;
      const timers = {
        nextDeadlineNs: 1e6,
        expire(nowNs: number) { counts[1]++; timers.nextDeadlineNs = nowNs + 1e6; frames.claim(); },
      };
      return {
        name: 'copier', drops: router.drops, events: ['nf_copied', 'nf_ticks'], counts, timers,
        process(bytes, offset, length, port) {
          const verdict = router.process(bytes, offset, length, port);
          if (verdict < 0 || ++last % 100 !== 0) return verdict;
          const at = frames.claim();
          if (at < 0) return verdict;
          frames.bytes.copyWithin(at, offset, offset + length);
          frames.send(at, length, verdict);
          counts[0]++;
          return verdict;
        },
      };
    };
    export default build;`;
  const result = await runVirtually(source, '40kpps');
  const sum = (name: string) => ['vm0/vcpu0', 'vm0/vcpu1'].reduce((n, vcpu) => n + result.counters[vcpu][name], 0);
  expect(result.ledger.faults).toEqual([]);
  expect(sum('nf_copied')).toBeGreaterThan(30);
  expect(result.integrity.duplicateFrames).toBe(sum('nf_copied'));
  expect(sum('nf_ticks')).toBeGreaterThan(100);
  expect(result.reports).toEqual([]);
});

test('timers wake a guest that halted', async () => {
  const source = `
    import type { NetworkFunctionFactory } from '${ACTORS}/user-function.ts';
    const build: NetworkFunctionFactory = () => {
      const counts = new Float64Array(1);
      const timers = {
        nextDeadlineNs: 1e6,
        expire(nowNs: number) { counts[0]++; timers.nextDeadlineNs = nowNs + 10e6; },
      };
      return { name: 'ticker', drops: [], events: ['nf_ticks'], counts, timers, process: () => 0 };
    };
    export default build;`;
  const { counters, phases } = await runVirtually(source, '2pps');
  const due = phases[0].elapsedNs / 10e6;
  for (const vcpu of ['vm0/vcpu0', 'vm0/vcpu1']) expect(counters[vcpu].nf_ticks).toBeGreaterThan(0.8 * due);
});

describe('faults of the function', () => {
  test('a frame it throws on is dropped as nf_exceptions; the first exception is reported with its place', () => {
    const nf = functionOf(answering("if (port === 1) throw new Error('of port ' + length);\n return 0;"));
    expect(new Packet().through(nf, 1)).toBe('nf_exceptions');
    expect(new Packet({ payload: new Array<number>(200).fill(0) }).through(nf, 1)).toBe('nf_exceptions');
    expect(new Packet().through(nf, 0)).toBe('out by 0');
    expect(nf.report()).toHaveLength(1);
    expect(nf.report()[0]).toMatch(new RegExp(`^Error: of port 60\n.*process \\(${folder}/own\\.ts:6:\\d+\\)$`));
  });

  test('what is thrown need be no Error', () => {
    const nf = functionOf(answering("throw 'just text';"));
    expect(new Packet().through(nf)).toBe('nf_exceptions');
    expect(nf.report()).toEqual([`just text\n    at ${folder}/own.ts, in a line that only an Error would tell`]);
  });

  test.each(['undefined', 'NaN', '0.5', "'0'", '-2', '-100', 'null', '2 ** 40'])(
    '%s is the answer of no vNIC',
    (answer) => {
      const nf = functionOf(answering(`return ${answer};`));
      expect(nf.process(new Packet().bytes, 0, 60, 0, 0)).toBe(0x7fffffff);
    },
  );
});

test('an exception that several vCPUs met is reported of the first of them only', async () => {
  const source = `
    export default (guest: { vcpu: number }) => ({
      name: 'own', drops: [], report: () => ['vCPU ' + guest.vcpu],
      process: () => { throw new Error('on vCPU ' + guest.vcpu); },
    });`;
  const { reports, counters } = await runVirtually(source, '2kpps');
  const [first, second] = reports;
  expect(counters['vm0/vcpu0'].nf_exceptions * counters['vm0/vcpu1'].nf_exceptions).toBeGreaterThan(0);
  expect(first.lines.slice(0, 2)).toEqual(['vCPU 0', 'Error: on vCPU 0']);
  expect(first.lines[2]).toContain(`${folder}/ran.ts:4:`);
  expect([second.actor, second.lines]).toEqual(['vm0/vcpu1', ['vCPU 1']]);
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
        { name: 'nf_odd', lane: 'rx', reason: 'odd', role: 'drop' },
        { name: 'nf_exceptions', lane: 'rx', reason: 'exception in the network function', role: 'drop' },
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
      'what it builds has timers without nextDeadlineNs and method expire',
      built("{ name: 'a', drops: [], timers: { expire() {} }, process() {} }"),
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

describe('a report that is none', () => {
  const reporting = (report: string): readonly string[] =>
    functionOf(`export default () => ({ name: 'a', drops: [], process: () => 0, report() { ${report} } });`).report();

  test('is told in place of one', () => {
    expect(reporting('return 7 as never;')).toEqual(['report answered 7, allowed: a list of lines']);
    expect(reporting('return [1] as never;')).toEqual(['report answered [ 1 ], allowed: a list of lines']);
    expect(reporting("throw new Error('not today');")[0]).toMatch(/^Error: not today\n +at .*\/own\.ts:1:/);
  });

  test('and of a long one the first 100 lines are enough', () => {
    expect(reporting("return new Array<string>(1000).fill('line');")).toHaveLength(100);
  });
});
