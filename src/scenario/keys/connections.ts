/** TCP connections in a scenario: what may be written of them, the rules between the keys, and the completed form. */
import { z } from 'zod';
import type { KeyPath } from '../text/document.ts';
import { componentName, connectionRate, integer, labelName, positiveDuration } from './fields.ts';
import type { Fault } from '../text/issues.ts';
import { servesTcp } from '../functions.ts';
import type { Scenario } from '../scenario.ts';

const connectionsSchema = z.strictObject({
  name: labelName().describe('Name. Default PORT-to-VNIC.').optional(),
  port: componentName().describe('Port whose clients open them, in the place of generator and sink.'),
  to: componentName().describe(
    'vNIC of a VM with nf tcp-terminate or tcp-proxy, on the bridge of that port. It decides sizes and TLS.',
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
    .describe(
      'TCP connections, which clients on a port open to a VM with nf tcp-terminate or tcp-proxy. Default none.',
    );

export const phaseConnections = () =>
  connectionRate()
    .describe('Connections/s of every client in this phase, such as 2kcps. Default: the rate of each.')
    .optional();

/** What the TCP clients on one port do. Message sizes and TLS are those of the server. */
export interface ConnectionsSpec {
  readonly name: string;
  readonly port: string;
  /** vNIC of the server. */
  readonly to: string;
  /** Connections/s, where a phase does not say. */
  readonly perSecond: number;
  /** Open at once, at most. */
  readonly max: number;
  readonly timeoutNs: number;
}

export function completeConnections(parsed: z.output<typeof connectionsSchema>): ConnectionsSpec {
  const { name, port, to, rate, max, timeout } = parsed;
  return { name: name ?? `${port}-to-${to}`, port, to, perSecond: rate, max, timeoutNs: timeout };
}

/** Each port has one kind of traffic, and each client a server on its own bridge. */
export function checkConnections({ ports, bridges, vms, traffic }: Scenario): Fault[] {
  if (traffic.connections.length === 0 && traffic.streams.length === 0) {
    return [fault(['traffic'], 'found neither streams nor connections, allowed: at least one of them')];
  }
  return traffic.connections.flatMap(({ port, to }, i): Fault[] => {
    const path: KeyPath = ['traffic', 'connections', i];
    const streams = traffic.streams.filter((stream) => stream.from === port || stream.to === port);
    const isSecond = traffic.connections.findIndex((each) => each.port === port) < i;
    if (isSecond || streams.length > 0) {
      const other = isSecond ? 'other connections' : `stream ${streams[0].name}`;
      return [fault([...path, 'port'], `found "${port}", which ${other} use, allowed: a port of its own`)];
    }
    if (ports.some(({ name, peer }) => name === port && peer !== null)) {
      return [fault([...path, 'port'], `found "${port}", which is linked to another port, allowed: a port on a wire`)];
    }
    const bridge = bridges.find(({ ports }) => ports.includes(port))?.name;
    const servers = vms.flatMap(({ nics, nf }) =>
      servesTcp(nf) ? nics.filter((nic) => nic.bridge === bridge).map(({ name }) => name) : [],
    );
    if (servers.includes(to)) return [];
    const allowed =
      servers.length === 0
        ? 'none, since no VM with nf tcp-terminate or tcp-proxy is on that bridge'
        : servers.join(', ');
    return [fault([...path, 'to'], `"${to}" has no server for the clients of ${port}, allowed: ${allowed}`)];
  });
}

function fault(path: KeyPath, sentence: string): Fault {
  return { path, at: 'value', sentence };
}
