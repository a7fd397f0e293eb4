/** What a scenario may say about the course of a run. */
import { z } from 'zod';
import { phaseConnections } from './connections.ts';
import { provisioningKeys } from './provisioning.ts';
import { componentName, duration, endpoint, labelName, positiveDuration, rate } from './fields.ts';

export const PHASES_MAX = 64;

const phaseSchema = z.strictObject({
  name: labelName().describe('Name, such as flood.'),
  rate: rate().describe('Offered in this phase, read as traffic.rate. Default traffic.rate.').optional(),
  connections: phaseConnections(),
  duration: positiveDuration().describe('Length of the phase.'),
  stopped: z
    .array(componentName())
    .prefault([])
    .describe('VMs whose vCPUs do not run in this phase, as after stop in the QEMU monitor. Default none.'),
  drained: z
    .array(endpoint())
    .prefault([])
    .describe('Backends, by their endpoints, that take no new connections in this phase. Default none.'),
});

export const runSchema = z.strictObject({
  warmup: duration()
    .prefault('5s')
    .describe(
      'Traffic at the rate of the first phase before counting. Default 5s: threads that share a core need that ' +
        'long until V8 has compiled what they run, and lose frames before.',
    ),
  settle: duration().prefault('500ms').describe('Wait for frames under way when traffic stops. Default 500ms.'),
  phases: z
    .array(phaseSchema)
    .min(1)
    .max(PHASES_MAX)
    .describe('Loads, one after the other. Default: one, steady, 10s.')
    .optional(),
  ...provisioningKeys,
  sampleInterval: positiveDuration().prefault('1s').describe('Time between two samples. Default 1s.'),
});
