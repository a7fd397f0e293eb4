/** What a scenario may say about the network function that a VM runs: one mapping for each kind. */
import { z } from 'zod';
import { EXCHANGE_BYTES_MIN } from '../../net/tcp/exchange-message.ts';
import { TLS_CONTENT_BYTES_MAX } from '../../net/tcp/tls-record.ts';
import {
  componentName,
  duration,
  endpoint,
  integer,
  macOrAuto,
  portRange,
  positiveDuration,
  prefix,
  prefixOr,
} from './fields.ts';

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
    .optional()
    .transform((routes) => routes ?? 'connected');

export type ParsedRoutes = z.output<ReturnType<typeof routes>>;

const ipForwardSchema = z.strictObject({
  kind: z.literal('ip-forward').prefault('ip-forward').describe('IPv4 forwarding.'),
  routes: routes(),
});

const orNull = <T>(value: T | undefined): T | null => value ?? null;

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
    .optional()
    .transform(orNull),
  destinationPorts: portRange()
    .describe('Destination ports, such as 53; fits TCP and UDP only. Default: any.')
    .optional()
    .transform(orNull),
});

const firewallSchema = z.strictObject({
  kind: z.literal('firewall').describe('A stateless packet filter in front of IPv4 forwarding.'),
  rules: z
    .array(ruleSchema)
    .max(RULES_MAX)
    .prefault([])
    .describe('Rules in their order: the first that fits decides. Default none.')
    .transform((rules) => rules.map(({ name, ...rule }, i) => ({ name: name ?? `rule${i}`, ...rule }))),
  default: z.enum(['allow', 'deny']).prefault('deny').describe('For packets that no rule fits. Default deny.'),
  routes: routes(),
});

const serverSchema = z.strictObject({
  kind: z
    .literal('server')
    .describe('A host that answers: UDP echo to any port (RFC 862), ICMP echo, ARP; it forwards nothing.'),
});

const EXTERNAL_LENGTH_MIN = 26;
const EXTERNAL_ALLOWED = `auto, or an IPv4 prefix of /${EXTERNAL_LENGTH_MIN} to /32 such as 198.18.1.64/28`;
/** Each vCPU with an inside vNIC has a share of them. */
const EXTERNAL_PORTS_MIN = 64;
const EXTERNAL_PORTS_ALLOWED = `a range of at least ${EXTERNAL_PORTS_MIN} ports, such as 1024-65535`;

/** A time after which the RFC lets a mapping go, and not before. */
const timeout = (least: string, leastNs: number) =>
  duration().refine((ns) => ns >= leastNs, { error: () => `a duration of at least ${least}` });

const nat44Schema = z
  .strictObject({
    kind: z.literal('nat44').describe('Source NAT with port translation for TCP, UDP and ICMP echo.'),
    outside: componentName().describe('vNIC towards the outside. Default: the last.').optional(),
    external: prefixOr('auto')
      .refine((value) => value === 'auto' || Number(value.split('/')[1]) >= EXTERNAL_LENGTH_MIN, {
        error: () => EXTERNAL_ALLOWED,
      })
      .prefault('auto')
      .describe('External addresses, which lead to the outside vNIC. Default auto: its own.'),
    ports: portRange()
      .refine(({ low, high }) => high - low + 1 >= EXTERNAL_PORTS_MIN, { error: () => EXTERNAL_PORTS_ALLOWED })
      .prefault('1024-65535')
      .describe('Ports of each external address that mappings use. Default 1024-65535 (RFC 4787 REQ-3).'),
    udpTimeout: timeout('2m', 120e9)
      .prefault('5m')
      .describe('Idle time of UDP mappings. Default 5m, at least 2m (RFC 4787 REQ-5).'),
    tcpEstablishedTimeout: timeout('124m', 7440e9)
      .prefault('124m')
      .describe('Idle time of TCP connections. Default 124m, at least that (RFC 5382 REQ-5).'),
    tcpTransitoryTimeout: timeout('4m', 240e9)
      .prefault('4m')
      .describe('Idle time of TCP connections that open or close. Default 4m, at least that (RFC 5382 REQ-5).'),
    icmpTimeout: timeout('60s', 60e9)
      .prefault('60s')
      .describe('Idle time of ICMP echo mappings. Default 60s, at least that (RFC 5508 REQ-2).'),
    routes: routes(),
  })
  .transform(({ udpTimeout, tcpEstablishedTimeout, tcpTransitoryTimeout, icmpTimeout, ...rest }) => ({
    ...rest,
    udpTimeoutNs: udpTimeout,
    tcpEstablishedTimeoutNs: tcpEstablishedTimeout,
    tcpTransitoryTimeoutNs: tcpTransitoryTimeout,
    icmpTimeoutNs: icmpTimeout,
  }));

const BACKENDS_MAX = 256;
const CONNECTIONS_MAX = 1_048_576;

const backends = () =>
  z
    .array(
      z.strictObject({
        endpoint: endpoint().describe('Address and port of the server, such as 198.18.1.2:8080.'),
        weight: integer(1, 1000)
          .prefault(1)
          .describe('Its share of new connections, against the weights of the others. Default 1.'),
      }),
    )
    .min(1)
    .max(BACKENDS_MAX)
    .describe('Servers, chosen by consistent hashing (Maglev, NSDI 2016, section 3.4).');

const loadBalancerSchema = z
  .strictObject({
    kind: z.literal('load-balancer').describe('An application delivery controller at layer 4, for TCP and UDP.'),
    virtual: endpoint().describe('Address and port that clients send to, such as 198.18.0.100:80.'),
    backends: backends(),
    connections: integer(1, CONNECTIONS_MAX)
      .prefault(65_536)
      .describe('Connections that each vCPU remembers; those beyond are hashed packet by packet. Default 65536.'),
    idleTimeout: positiveDuration()
      .prefault('5m')
      .describe('Time after its last packet from the client that a connection is remembered. Default 5m.'),
    routes: routes(),
  })
  .transform(({ idleTimeout, ...rest }) => ({ ...rest, idleNs: idleTimeout }));

const messageBytes = () => integer(EXCHANGE_BYTES_MIN, TLS_CONTENT_BYTES_MAX);

/** What a function that ends TCP connections and its clients agree on. */
const tcpServing = () => ({
  listenPort: integer(1, 65_535)
    .prefault(443)
    .describe('TCP port it listens on, at the address of every vNIC. Default 443.'),
  tls: z
    .boolean()
    .prefault(false)
    .describe(
      'Request and response as records of TLS 1.3 with AES-128-GCM (RFC 8446 section 5), keys from a pre-shared ' +
        'secret, without a handshake. Default false.',
    ),
  requestBytes: messageBytes()
    .prefault(256)
    .describe('Length of a request, which its clients keep to; one TLS record at most. Default 256.'),
  responseBytes: messageBytes().prefault(1024).describe('Length of a response, likewise. Default 1024.'),
  idle: duration().prefault('60s').describe('Time without a segment after which a connection is ended. Default 60s.'),
});

const tcpTerminateSchema = z
  .strictObject({
    kind: z
      .literal('tcp-terminate')
      .describe(
        'Ends TCP connections: accepts, checks one request, answers with one response, closes after its client.',
      ),
    ...tcpServing(),
    connections: integer(1, 65_536)
      .prefault(4096)
      .describe(
        'Connections at once, for each vCPU; a SYN beyond is dropped. Default 4096: SOMAXCONN since Linux 5.4.',
      ),
  })
  .transform(({ idle, ...rest }) => ({ ...rest, idleNs: idle }));

/** Far fewer than a proxy has source ports, so that there is always one that no connection has. */
export const PROXIED_CONNECTIONS_MAX = 32_768;

const tcpProxySchema = z
  .strictObject({
    kind: z
      .literal('tcp-proxy')
      .describe(
        'Ends TCP connections, and TLS, in front of servers: a request that is right goes to one of them in the clear, over ' +
          'a connection of its own, and the response back to the client.',
      ),
    ...tcpServing(),
    backends: backends(),
    connections: integer(1, PROXIED_CONNECTIONS_MAX)
      .prefault(4096)
      .describe('Connections at once on each side; a SYN beyond is dropped, a request reset. Default 4096.'),
    backendTimeout: positiveDuration()
      .prefault('5s')
      .describe('Time from a request to the whole response, after which its client is reset. Default 5s.'),
    routes: routes(),
  })
  .transform(({ idle, backendTimeout, ...rest }) => ({ ...rest, idleNs: idle, backendTimeoutNs: backendTimeout }));

const MODULE_PATH = /\.[cm]?[jt]s$/;
const MODULE_PATH_ALLOWED = 'the path of a module such as ./my-function.ts';
const moduleSchema = z
  .strictObject({
    kind: z.literal('module').describe('A function of your own.'),
    path: z
      .string({ error: () => MODULE_PATH_ALLOWED })
      .regex(MODULE_PATH, { error: () => MODULE_PATH_ALLOWED })
      .describe('TypeScript or JavaScript module, from the folder of this file, whose default export builds it.'),
    frameCost: duration()
      .describe(
        'CPU time that a frame takes more in it than forwarding, on virtual time, where its own time does not pass; on ' +
          'real threads it takes what it takes. Default: none, which the result then says.',
      )
      .optional()
      .transform(orNull),
  })
  .transform(({ frameCost, ...rest }) => ({ ...rest, frameCostNs: frameCost }));
export type ParsedModule = z.output<typeof moduleSchema>;

const MODULE_ALLOWED = 'a mapping such as {kind: ip-forward}, or the path of a module such as ./my-function.ts';

export const nfSchema = z.union(
  [
    z
      .string()
      .regex(MODULE_PATH, { error: () => MODULE_ALLOWED })
      .transform((path): ParsedModule => ({ kind: 'module', path, frameCostNs: null })),
    z.discriminatedUnion('kind', [
      ipForwardSchema,
      firewallSchema,
      nat44Schema,
      loadBalancerSchema,
      serverSchema,
      tcpTerminateSchema,
      tcpProxySchema,
      moduleSchema,
    ]),
  ],
  { error: () => MODULE_ALLOWED },
);

/** A network function after its keys were checked one by one: durations end in their unit. */
export type ParsedNf = z.output<typeof nfSchema>;
