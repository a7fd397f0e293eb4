/** What commands write is what the published schema says, and holds no number that JSON has not. */
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import { describe, expect, it } from 'vitest';
import { scenarioHash } from '../../src/experiment/result/describe-head.ts';
import { RESULT_SCHEMA_VERSION } from '../../src/experiment/result/result-head.ts';
import type { ResultDocument } from '../../src/experiment/result/result-document.ts';
import { runScenario } from '../../src/experiment/run/run.ts';
import { runSearch } from '../../src/experiment/search/search.ts';
import { parseGoal } from '../../src/experiment/search/search-goal.ts';
import { runSweep } from '../../src/experiment/sweep/sweep.ts';
import type { SweepPlan } from '../../src/experiment/sweep/sweep.ts';
import { loadVariants } from '../../src/experiment/sweep/variants.ts';
import { hdrBase64 } from '../../src/metrics/sinks/hdr-export.ts';
import { buildPlan } from '../../src/plan/build-plan.ts';
import { loadScenario } from '../../src/plan/load-scenario.ts';
import { VirtualHost } from '../../src/runtime/virtual/virtual-host.ts';
import { resultJsonSchema } from '../support/result-schema.ts';
import { openVirtualBed } from '../support/virtual-beds.ts';

const SCHEMA_FILE = new URL('../../scenarios/result.schema.json', import.meta.url);
const schema = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')) as { definitions: Record<string, object> };
const ajv = new Ajv({ allErrors: true });
ajv.addSchema(schema, 'result');
const KINDS = {
  run: 'RunResult',
  sweep: 'SweepResult',
  search: 'SearchResult',
  suite: 'SuiteResult',
  compare: 'CompareResult',
} as const;

const signal = new AbortController().signal;
const SHORT = ['run.warmup=20ms', 'run.settle=100ms', 'run.sampleInterval=20ms'];

/** What is wrong with a document as it would be written. */
function faultsOf(result: ResultDocument): string[] {
  const written: unknown = JSON.parse(JSON.stringify(result));
  if (ajv.validate(`result#/definitions/${KINDS[result.kind]}`, written) === true) return [];
  return (ajv.errors ?? [])
    .slice(0, 5)
    .map(({ dataPath, message, params }) => `${dataPath} ${message} ${JSON.stringify(params)}`);
}

/** Paths of numbers that JSON would turn into null without a word. */
function notFinite(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path}: ${value}`];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, part]) => notFinite(part, `${path}.${key}`));
}

function expectWhole(result: ResultDocument): void {
  expect(notFinite(result)).toEqual([]);
  expect(faultsOf(result)).toEqual([]);
  expect(result.schemaVersion).toBe(RESULT_SCHEMA_VERSION);
}

function run(name: string, overrides: readonly string[], until = signal): Promise<ResultDocument> {
  const scenario = loadScenario(name, { overrides: [...SHORT, ...overrides] });
  const host = new VirtualHost(buildPlan(scenario), { seed: scenario.seed });
  return runScenario(scenario, host, { signal: until, encodeHistogram: hdrBase64 });
}

const PHASES =
  'run.phases=[{ name: none, rate: 0pps, duration: 50ms }, { name: flood, rate: 500kpps, duration: 50ms }]';
const PLAN: SweepPlan = {
  hostKind: 'virtual',
  variants: loadVariants('livelock', [], [{ name: 'livelock', overrides: [] }]),
  load: { unit: 'frames', counted: null },
  offered: { kind: 'rates', rates: [0, 5e5].map((perSecond) => ({ kind: 'frames', perSecond })) },
  trials: 1,
  lossFreeRatioMax: 0.005,
  durationNs: 2e7,
  warmupNs: 0,
  runInNs: 1e7,
  probeNs: 2e7,
};

describe('the JSON Schema of results', () => {
  it('is the one beside the scenarios', { timeout: 60_000 }, () => {
    expect(schema, 'stale file; run: npm run docs').toEqual(JSON.parse(JSON.stringify(resultJsonSchema())));
  });

  it.each([
    ['livelock', [PHASES, 'expect=[]']],
    ['direct', [PHASES, 'expect=[]']],
    ['autoscale', []],
    ['adc', ['run.phases=[{ name: load, connections: 2kcps, duration: 60ms }]', 'expect=[]', 'run.timeline=[]']],
  ])('is met by a run of %s, with phases in which nothing is sent', { timeout: 60_000 }, async (name, overrides) => {
    expectWhole(await run(name, overrides));
  });

  it('is met by a run that was interrupted before it began', async () => {
    expectWhole(await run('livelock', [PHASES, 'expect=[]'], AbortSignal.abort()));
  });

  it('is met by a sweep, at no load too, and by one that was interrupted', async () => {
    const openBed = openVirtualBed;
    expectWhole(await runSweep(PLAN, { openBed: (variant) => openBed(variant), signal }));
    expectWhole(await runSweep(PLAN, { openBed: (variant) => openBed(variant), signal: AbortSignal.abort() }));
    const offered: SweepPlan['offered'] = { kind: 'multiples', multiples: [0.5] };
    expectWhole(await runSweep({ ...PLAN, offered }, { openBed: (variant) => openBed(variant), signal }));
  });

  it('is met by a search', async () => {
    const goals = [parseGoal('loss=0,trial=20ms,sum=20ms,initial=20ms,width=20%')];
    expectWhole(await runSearch({ ...PLAN, goals }, { openBed: (variant) => openVirtualBed(variant), signal }));
  });

  it('is not met by what has a key more, a key less, or a number that is none', async () => {
    const result = await runSweep(PLAN, { openBed: (variant) => openVirtualBed(variant), signal });
    expect(faultsOf({ ...result, more: 1 } as unknown as ResultDocument).join()).toContain('additional');
    expect(faultsOf({ ...result, scenario: undefined } as unknown as ResultDocument).join()).toContain('required');
    expect(faultsOf({ ...result, durationNs: Number.NaN }).join()).toContain('.durationNs should be number');
    expect(notFinite({ ...result, durationNs: Number.NaN })).toEqual(['.durationNs: NaN']);
  });
});

describe('the hash of a scenario', () => {
  it('is of what it asks for, however it was written', () => {
    const scenario = loadScenario('livelock');
    const turned = Object.fromEntries(Object.entries(scenario).reverse()) as unknown as typeof scenario;
    expect(scenarioHash(turned)).toBe(scenarioHash(scenario));
    expect(scenarioHash(scenario)).toMatch(/^[0-9a-f]{64}$/);
    expect(scenarioHash(loadScenario('livelock', { overrides: ['seed=2'] }))).not.toBe(scenarioHash(scenario));
  });
});
