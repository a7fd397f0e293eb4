/** VMs that come and go while frames flow: at fixed times, or when a measurement says so. */
import { z } from 'zod';
import { DROP_PLACES, SCALING_METRICS, SCALING_METRIC_NAMES } from '../words.ts';
import { componentName, duration, labelName } from './fields.ts';

const ENTRIES_MAX = 256;

const timelineSchema = z
  .strictObject({
    at: duration().describe('Time after the first phase has begun, each phase with its run-in of 500 ms.'),
    add: componentName()
      .describe('VM to start: threads, devices, bridge port or classification rule; then backends into rotation.')
      .optional(),
    remove: componentName().describe('VM to end: backends drained, cut off, emptied, its threads gone.').optional(),
  })
  .refine(({ add, remove }) => (add === undefined) !== (remove === undefined), {
    error: () => 'one of add and remove',
  });

const threshold = () =>
  z.union([z.number().nonnegative(), z.string()], {
    error: () => 'a number or a quantity such as 100kpps, 2kcps or 20%',
  });

const autoscaleSchema = z.strictObject({
  vm: componentName().describe('VM that the rule adds and removes.'),
  metric: z
    .enum(SCALING_METRIC_NAMES)
    .describe(
      `What is watched: ${SCALING_METRIC_NAMES.map((name) => `${name} (${SCALING_METRICS[name].what})`).join('; ')}.`,
    ),
  stream: labelName().describe('Name of a stream. Default: all streams together.').optional(),
  place: z.enum(DROP_PLACES).describe('For drops: the kind of component. Default: all.').optional(),
  thread: z.string().min(1).describe('For running and waiting: a thread, such as vm0/vcpu0.').optional(),
  above: threshold().describe('The VM is added while the measurement is above this.'),
  below: threshold().describe('The VM is removed while the measurement is below this.'),
  for: duration().prefault('1s').describe('How long it must have been so. Default 1s.'),
  cooldown: duration().prefault('3s').describe('Least time between two orders. Default 3s.'),
});

/* Keys of a VM. */

export const presence = () =>
  z
    .boolean()
    .prefault(true)
    .describe('Whether it is there when the run begins; run.timeline or run.autoscale may add it. Default true.');

export const drainTime = () =>
  duration()
    .prefault('1s')
    .describe(
      'When it is to leave: the longest that connections which load balancers and proxies gave it are waited for. To a ' +
        'load balancer they end by being idle for idleTimeout; it moves those that are left. Default 1s.',
    );

/** Keys of `run`. */
export const provisioningKeys = {
  timeline: z
    .array(timelineSchema)
    .max(ENTRIES_MAX)
    .prefault([])
    .describe('VMs that come and go while frames flow. Default: none does.'),
  autoscale: z
    .array(autoscaleSchema)
    .max(ENTRIES_MAX)
    .prefault([])
    .describe('Rules by which VMs come and go, looked at with every sample in a phase. Default none.'),
};
