/** The `expect` list: relations between measurements of a run, written in the scenario, evaluated after it. */
import { z } from 'zod';
import { DROP_PLACES, METRICS, METRIC_NAMES, RELATIONS } from '../words.ts';
import { labelName } from './fields.ts';

const METRIC_TEXT = `What is measured: ${METRIC_NAMES.map((name) => `${name} (${METRICS[name].what})`).join('; ')}.`;

const measurementKeys = {
  phase: labelName().describe('Name of the phase. Default: the only phase, if there is one only.').optional(),
  stream: labelName().describe('Name of a stream. Default: all streams together.').optional(),
  place: z.enum(DROP_PLACES).describe('For dropShare: the kind of component that dropped.').optional(),
  thread: z.string().min(1).describe('For running and waiting: a thread, such as vhost-vnic0.').optional(),
  counter: z
    .string()
    .regex(/^[^\s:]+:[a-z0-9_]+$/, { error: () => 'component:counter, such as eth0:rx_missed_errors' })
    .describe('For counter: component and counter name, such as eth0:rx_missed_errors.')
    .optional(),
};

export const expectationSchema = z.strictObject({
  metric: z.enum(METRIC_NAMES).describe(METRIC_TEXT),
  ...measurementKeys,
  relation: z.enum(RELATIONS).describe('How the measurement must compare with `value` or `than`.'),
  value: z
    .union([z.number().nonnegative(), z.string()], { error: () => 'a number or a quantity such as 100kpps, 20%, 5ms' })
    .describe('A fixed value: frames/s as 100kpps, ratios as 0.2 or 20%, latency as 5ms, counts as a number.')
    .optional(),
  than: z
    .strictObject({
      metric: z.enum(METRIC_NAMES).describe(`${METRIC_TEXT} Default: the metric on the left.`).optional(),
      ...measurementKeys,
      times: z.number().positive().prefault(1).describe('Factor on this measurement. Default 1.'),
    })
    .describe('Another measurement of the same unit. Keys left out are those of the left side, except `phase`.')
    .optional(),
  why: z.string().describe('One sentence: which cause this relation is evidence of.').optional(),
});
/** An expectation as it was written. */
export type ParsedExpectation = z.output<typeof expectationSchema>;
