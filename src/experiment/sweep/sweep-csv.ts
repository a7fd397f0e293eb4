/** A sweep as tidy tables: a row a trial and a row a point, units in the headings, a column for each factor of a grid. */
import { measuredWhole } from './swept-load.ts';
import type { SweepResult } from './sweep-result.ts';

type Field = string | number | null;

/** Every trial, in the order they were made. */
export function trialsCsv({ trials, rates, factors, variants, load }: SweepResult): string {
  const heading = ['variant', ...factors.map(({ key }) => key), 'offered_per_s', 'round', 'attempt', 'seed', 'status'];
  const figures = [
    'measured_ns',
    'sent_frames',
    'delivered_per_s',
    'loss_ratio',
    'dropped_frames',
    'core_round_trip_ns',
  ];
  const rows = trials.map(({ variant, rateIndex, round, attempt, seed, validity, phase, coreRoundTripNs }): Field[] => {
    const { delivered, lossRatio } = measuredWhole(phase, load);
    return [
      ...[variant, ...levelsOf(variants, variant), rates[rateIndex].offeredPerSecond, round, attempt, seed],
      ...[validity.status, phase.elapsedNs, phase.total.sentFrames, (delivered * 1e9) / phase.elapsedNs, lossRatio],
      ...[phase.total.droppedFrames, coreRoundTripNs],
    ];
  });
  return csvText([[...heading, ...figures], ...rows]);
}

/** Every point: medians and extremes over its trials. */
export function pointsCsv({ points, factors, variants }: SweepResult): string {
  const spread = ['median', 'min', 'max'] as const;
  const heading = ['variant', ...factors.map(({ key }) => key), 'offered_per_s', 'multiple', 'trials', 'valid_trials'];
  const figures = [...spread.map((of) => `egress_per_s_${of}`), ...spread.map((of) => `loss_ratio_${of}`)];
  const rows = points.map((point): Field[] => [
    ...[point.variant, ...levelsOf(variants, point.variant), point.offeredPerSecond, point.multiple],
    ...[point.trials, point.validTrials, ...spread.map((of) => point.egressPerSecond[of])],
    ...spread.map((of) => point.lossRatio?.[of] ?? null),
  ]);
  return csvText([[...heading, ...figures], ...rows]);
}

function levelsOf(variants: SweepResult['variants'], variant: string): readonly string[] {
  return variants.find(({ name }) => name === variant)?.levels ?? [];
}

/** RFC 4180, but for a line feed alone at the end of lines; an empty field is what is not known. */
function csvText(rows: readonly (readonly Field[])[]): string {
  return rows.map((row) => `${row.map(fieldText).join(',')}\n`).join('');
}

function fieldText(field: Field): string {
  const text = field === null ? '' : String(field);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
