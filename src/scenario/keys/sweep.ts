/** The `sweep` section: what a sweep compares when no flag says otherwise, and the shape its curves must have. */
import { z } from 'zod';
import { SWEPT_MODES, VNIC_MODES } from '../modes.ts';
import { DROP_PLACES, RELATIONS, SWEEP_METRICS, SWEEP_METRIC_NAMES, SWEPT_THREADS } from '../words.ts';
import { labelName } from './fields.ts';

const METRIC_TEXT = `What is measured: ${SWEEP_METRIC_NAMES.map((name) => `${name} (${SWEEP_METRICS[name].what})`).join('; ')}.`;

const VARIANTS_MAX = 16;
const EXPECTATIONS_MAX = 64;
const OVERRIDE = /^[\w.[\]-]+=.*$/;
/** What `at` may be. */
export const AT_ALLOWED = 'peak, floor, a multiple of the loss-free rate such as 4L, or a rate such as 540kpps';

const measurementKeys = {
  at: z
    .string({ error: () => AT_ALLOWED })
    .describe(
      'Where on the curve: peak (the most that arrived), floor (the least that arrived at the load of the peak or above), ' +
        'a multiple of L, the loss-free rate of the first variant, such as 4L, or an offered rate such as 540kpps.',
    )
    .optional(),
  place: z.enum(DROP_PLACES).describe('For dropShare: the kind of component that dropped.').optional(),
  threads: z.enum(SWEPT_THREADS).describe('For waiting: the kind of thread, the mean over all of it.').optional(),
};

const sweepExpectationSchema = z.strictObject({
  variant: labelName().describe('Which of the modes or variants.'),
  metric: z.enum(SWEEP_METRIC_NAMES).describe(METRIC_TEXT),
  ...measurementKeys,
  relation: z.enum(RELATIONS).describe('How the measurement must compare with `value` or `than`.'),
  value: z
    .union([z.number().nonnegative(), z.string()], { error: () => 'a number or a quantity such as 100kpps, 20%, 5ms' })
    .describe('A fixed value: rates as 100kpps, ratios as 0.2 or 20%, latency as 5ms.')
    .optional(),
  than: z
    .strictObject({
      variant: labelName().describe('Which of the modes or variants. Default: that on the left.').optional(),
      ...measurementKeys,
      times: z.number().positive().prefault(1).describe('Factor on this measurement. Default 1.'),
    })
    .describe('The same metric elsewhere: of another variant, or at another load. Keys left out are those of the left.')
    .optional(),
  why: z.string().describe('One sentence: what this shape is evidence of.').optional(),
});
export type ParsedSweepExpectation = z.output<typeof sweepExpectationSchema>;

export const sweepSchema = z.strictObject({
  modes: z
    .array(z.enum(VNIC_MODES))
    .max(VNIC_MODES.length)
    .describe(`Modes to compare. Default: ${SWEPT_MODES.join(', ')}; none where there are variants.`)
    .optional(),
  variants: z
    .array(
      z.strictObject({
        name: labelName().describe('Name, such as guard.'),
        set: z
          .array(z.string().regex(OVERRIDE, { error: () => 'path=value, such as host.kernel=linux-4.9' }))
          .describe('What it changes, each as path=value, as --set takes it.'),
      }),
    )
    .max(VARIANTS_MAX)
    .prefault([])
    .describe('Other changes to compare. Default none.'),
  expect: z
    .array(sweepExpectationSchema)
    .max(EXPECTATIONS_MAX)
    .prefault([])
    .describe(
      'Relations that must hold after a sweep. Of those about a variant or a load that it leaves out nothing is said. ' +
        'Default none.',
    ),
});
export type ParsedSweep = z.output<typeof sweepSchema>;
