/** What a scenario may say about the network function that a VM runs: one mapping for each kind. */
import { z } from 'zod';
import { componentName, integer, macOrAuto, portRange, prefix } from './scenario-fields.ts';

const RULES_MAX = 4096;

const routeSchema = z.strictObject({
  prefix: prefix().describe('Destination, such as 198.18.1.0/24.'),
  nic: componentName().describe('vNIC of this VM that frames leave by.'),
  gatewayMac: macOrAuto().prefault('auto').describe('Next hop. Default auto: the station on the wire of that vNIC.'),
});

const routes = () =>
  z
    .array(routeSchema)
    .describe('Forwarding table. Default: the network of every port, and every VM, that a vNIC shares a bridge with.')
    .optional();

const ipForwardSchema = z.strictObject({
  kind: z.literal('ip-forward').prefault('ip-forward').describe('IPv4 forwarding.'),
  routes: routes(),
});

const RULE_NAME_ALLOWED = 'a name of up to 24 small letters, digits and _';
const ruleSchema = z.strictObject({
  name: z
    .string({ error: () => RULE_NAME_ALLOWED })
    .regex(/^[a-z0-9_]{1,24}$/, { error: () => RULE_NAME_ALLOWED })
    .describe('Part of the name of its drop counter, nf_denied_NAME. Default: ruleN, counted from 0.')
    .optional(),
  action: z.enum(['allow', 'deny']).describe('What happens to a packet that fits: allow or deny.'),
  protocol: z
    .union([z.enum(['any', 'icmp', 'tcp', 'udp']), integer(0, 255)], {
      error: () => 'any, icmp, tcp, udp, or a protocol number from 0 to 255',
    })
    .prefault('any')
    .describe('IP protocol. Default any.'),
  source: prefix().prefault('0.0.0.0/0').describe('Prefix of the source address. Default: any.'),
  destination: prefix().prefault('0.0.0.0/0').describe('Prefix of the destination address. Default: any.'),
  sourcePorts: portRange()
    .describe('Source ports, such as 1024-65535; fits TCP and UDP only. Default: any.')
    .optional(),
  destinationPorts: portRange()
    .describe('Destination ports, such as 53; fits TCP and UDP only. Default: any.')
    .optional(),
});

const firewallSchema = z.strictObject({
  kind: z.literal('firewall').describe('A stateless packet filter in front of IPv4 forwarding.'),
  rules: z
    .array(ruleSchema)
    .max(RULES_MAX)
    .prefault([])
    .describe('Rules in their order: the first that fits decides. Default none.'),
  default: z.enum(['allow', 'deny']).prefault('deny').describe('For packets that no rule fits. Default deny.'),
  routes: routes(),
});

const serverSchema = z.strictObject({
  kind: z
    .literal('server')
    .describe('A host that answers: UDP echo to any port (RFC 862), ICMP echo, ARP; it forwards nothing.'),
});

const MODULE_ALLOWED = 'a mapping such as {kind: ip-forward}, or the path of a module such as ./my-function.ts';

export const nfSchema = z.union(
  [
    z.string().regex(/\.[cm]?[jt]s$/, { error: () => MODULE_ALLOWED }),
    z.discriminatedUnion('kind', [ipForwardSchema, firewallSchema, serverSchema]),
  ],
  { error: () => MODULE_ALLOWED },
);

/** A network function after its keys were checked one by one. */
export type ParsedNf = z.output<typeof nfSchema>;
