/** Rules for TCP connections: who shares a port with them, and who answers. */
import { valueFault } from '../fault.ts';
import type { Fault, KeyPath } from '../fault.ts';
import { TCP_SERVERS, isOfKind } from '../function-kinds.ts';
import type { Scenario } from '../scenario.ts';

/** Each port has one kind of traffic, and each client a server on its own bridge. */
export function checkConnections({ ports, bridges, vms, traffic }: Scenario): Fault[] {
  if (traffic.connections.length === 0 && traffic.streams.length === 0) {
    return [valueFault(['traffic'], 'found neither streams nor connections, allowed: at least one of them')];
  }
  return traffic.connections.flatMap(({ port, to }, i): Fault[] => {
    const path: KeyPath = ['traffic', 'connections', i];
    const streams = traffic.streams.filter((stream) => stream.from === port || stream.to === port);
    const isSecond = traffic.connections.findIndex((each) => each.port === port) < i;
    if (isSecond || streams.length > 0) {
      const other = isSecond ? 'other connections' : `stream ${streams[0].name}`;
      return [valueFault([...path, 'port'], `found "${port}", which ${other} use, allowed: a port of its own`)];
    }
    if (ports.some(({ name, peer }) => name === port && peer !== null)) {
      return [
        valueFault([...path, 'port'], `found "${port}", which is linked to another port, allowed: a port on a wire`),
      ];
    }
    const bridge = bridges.find(({ ports }) => ports.includes(port))?.name;
    const servers = vms.flatMap(({ nics, nf }) =>
      isOfKind(nf, 'tcp', 'ended') ? nics.filter((nic) => nic.bridge === bridge).map(({ name }) => name) : [],
    );
    if (servers.includes(to)) return [];
    const allowed =
      servers.length === 0 ? `none, since no VM with nf ${TCP_SERVERS} is on that bridge` : servers.join(', ');
    return [valueFault([...path, 'to'], `"${to}" has no server for the clients of ${port}, allowed: ${allowed}`)];
  });
}
