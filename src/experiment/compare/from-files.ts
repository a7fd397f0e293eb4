/** Blocks of two sweeps that lie in result files: trials of the same load and round. */
import { readFileSync } from 'node:fs';
import type { SweepResult, VariantResult } from '../sweep/sweep-result.ts';
import { RESULT_SCHEMA_VERSION } from '../result/result-head.ts';
import { SweptLoadError } from '../sweep/swept-load.ts';
import type { Block } from './judge-compare.ts';

/** One side: a variant of a sweep. */
export interface SweptSide {
  readonly result: SweepResult;
  readonly variant: VariantResult;
  readonly path: string;
}

/**
 * @param wanted its variant; null where it has but one
 * @throws SweptLoadError for a file that holds no sweep of this version, or no such variant
 */
export function readSide(path: string, wanted: string | null): SweptSide {
  const result = readSweep(path);
  const names = result.variants.map(({ name }) => name);
  const name = wanted ?? (names.length === 1 ? names[0] : null);
  const variant = result.variants.find((each) => each.name === name);
  if (variant !== undefined) return { result, variant, path };
  const found = name === null ? `${names.length} variants` : `no variant "${name}"`;
  throw new SweptLoadError(`${path}: found ${found}, allowed: --variant-a, --variant-b with ${names.join(', ')}`);
}

function readSweep(path: string): SweepResult {
  const found = parse(path) as Partial<SweepResult> | null;
  const version = found?.schemaVersion;
  if (found?.kind === 'sweep' && version === RESULT_SCHEMA_VERSION) return found as SweepResult;
  const kind: string | undefined = found?.kind;
  const what =
    kind === undefined
      ? 'no result'
      : kind === 'sweep'
        ? `a sweep of schema version ${version}`
        : `the result of ${kind}`;
  const allowed = `a sweep's, version ${RESULT_SCHEMA_VERSION}: its rounds are blocks, where a run or a search has none`;
  throw new SweptLoadError(`${path}: found ${what}, allowed: ${allowed}`);
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new SweptLoadError(
      `${path}: ${error instanceof Error ? error.message : String(error)}, allowed: a JSON file`,
    );
  }
}

/** Pairs by load and round; of several attempts at one the last that was valid. */
export function blocksOf(a: SweptSide, b: SweptSide): { readonly blocks: Block[]; readonly leftOut: number } {
  const blocks: Block[] = [];
  let leftOut = 0;
  for (const [rateIndex, { offeredPerSecond }] of a.result.rates.entries()) {
    const indexB = b.result.rates.findIndex((rate) => rate.offeredPerSecond === offeredPerSecond);
    for (let round = 0; indexB >= 0 && round < a.result.trialsPerPoint; round++) {
      const [ofA, ofB] = [trialOf(a, rateIndex, round), trialOf(b, indexB, round)];
      if (ofA === undefined || ofB === undefined) leftOut++;
      else blocks.push({ offeredPerSecond, a: ofA.phase, b: ofB.phase });
    }
  }
  return { blocks, leftOut };
}

function trialOf({ result, variant }: SweptSide, rateIndex: number, round: number) {
  return result.trials.findLast(
    (trial) =>
      trial.variant === variant.name &&
      trial.rateIndex === rateIndex &&
      trial.round === round &&
      trial.validity.status !== 'invalid',
  );
}

/** Why two sides of different files are compared with less right than two of one. */
export function caveatsOf(a: SweptSide, b: SweptSide): string[] {
  const [first, second] = [a.result, b.result];
  if (a.path === b.path) return [];
  return [
    'The two were not measured in turn: what changed on the machine in between is in the difference.',
    ...(machineText(first) === machineText(second)
      ? []
      : [`They are of two machines: ${machineText(first)}; ${machineText(second)}.`]),
    ...(first.tool.version === second.tool.version && first.tool.node === second.tool.node
      ? []
      : [`They are of two tools: ${toolText(first)}; ${toolText(second)}.`]),
  ];
}

function machineText({ machine }: SweepResult): string {
  return `${machine.cpu}, ${machine.kernel}`;
}

function toolText({ tool }: SweepResult): string {
  return `${tool.name} ${tool.version}, node ${tool.node}`;
}
