/** What a scenario may say about the network function that a VM runs: one mapping for each kind. */
import { z } from 'zod';
import { componentName, macOrAuto, prefix } from './scenario-fields.ts';

const routeSchema = z.strictObject({
  prefix: prefix().describe('Destination, such as 198.18.1.0/24.'),
  nic: componentName().describe('vNIC of this VM that frames leave by.'),
  gatewayMac: macOrAuto().prefault('auto').describe('Next hop. Default auto: the station on the wire of that vNIC.'),
});

const routes = () =>
  z
    .array(routeSchema)
    .describe('Forwarding table. Default: the network of every port a vNIC shares a bridge with.')
    .optional();

const ipForwardSchema = z.strictObject({
  kind: z.literal('ip-forward').prefault('ip-forward').describe('IPv4 forwarding.'),
  routes: routes(),
});

export const nfSchema = z.discriminatedUnion('kind', [ipForwardSchema]);

/** A network function after its keys were checked one by one. */
export type ParsedNf = z.output<typeof nfSchema>;
