/** What a scenario may say of TCP connections. */
import { z } from 'zod';
import { TCP_SERVERS } from '../function-kinds.ts';
import { componentName, connectionRate, integer, labelName, positiveDuration } from './fields.ts';

const connectionsSchema = z.strictObject({
  name: labelName().describe('Name. Default PORT-to-VNIC.').optional(),
  port: componentName().describe('Port whose clients open them, in the place of generator and sink.'),
  to: componentName().describe(
    `vNIC of a VM with nf ${TCP_SERVERS}, on the bridge of that port. It decides sizes and TLS.`,
  ),
  rate: connectionRate()
    .prefault('1kcps')
    .describe('Connections/s that are due, whatever becomes of them, where a phase does not say. Default 1kcps.'),
  max: integer(1, 65_536)
    .prefault(4096)
    .describe('Open at once at most: one that is due beyond fails, and is not tried again. Default 4096.'),
  timeout: positiveDuration()
    .prefault('3s')
    .describe('Time after which a connection that is not finished has failed. Default 3s.'),
});

/** As many as there are ports at most: each has clients or none. */
export const trafficConnections = () =>
  z
    .array(connectionsSchema)
    .prefault([])
    .describe(`TCP connections, which clients on a port open to a VM with nf ${TCP_SERVERS}. Default none.`);

export const phaseConnections = () =>
  connectionRate()
    .describe('Connections/s of every client in this phase, such as 2kcps. Default: the rate of each.')
    .optional();

export type ParsedConnections = z.output<typeof connectionsSchema>;
