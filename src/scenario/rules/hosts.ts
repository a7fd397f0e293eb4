/** Rules between the keys that say which host a part is on, and which ports are wired to each other. */
import { valueFault } from '../fault.ts';
import type { Fault, KeyPath } from '../fault.ts';
import type { ParsedScenario } from '../keys/schema.ts';
import type { Scenario } from '../scenario.ts';

/** A bridge has members of its own host only, and CPUs are those the host has. */
export function checkHosts({ hosts, ports, bridges, vms }: Scenario): Fault[] {
  const cpuFault = (path: KeyPath, host: string, cpu: number): Fault[] => {
    const { softirqCpus } = hosts.find(({ name }) => name === host)!;
    if (cpu < softirqCpus) return [];
    return [valueFault(path, `found ${cpu}, allowed: auto, or 0 to ${softirqCpus - 1} (softirqCpus of ${host})`)];
  };
  const homes = new Map([
    ...ports.map(({ name, host }) => [name, host] as const),
    ...vms.flatMap(({ host, nics }) => nics.map(({ tap }) => [tap.name, host] as const)),
  ]);
  return [
    ...ports.flatMap(({ host, cpu }, i) => cpuFault(['ports', i, 'cpu'], host, cpu)),
    ...vms.flatMap(({ host, nics }, v) =>
      nics.flatMap(({ vhost }, n) => cpuFault(['vms', v, 'nics', n, 'vhost', 'cpu'], host, vhost.cpu)),
    ),
    ...bridges.flatMap(({ host, ports: members, taps }, b) =>
      [...members, ...taps].flatMap((member) => {
        const home = homes.get(member);
        if (home === undefined || home === host) return [];
        return [valueFault(['bridges', b, 'ports'], `"${member}" is on ${home}, allowed: members on ${host}`)];
      }),
    ),
  ];
}

/** The ends of a link have the same speed and network, and no stream begins or ends there. */
export function checkLinks({ ports, traffic }: Scenario, { links }: ParsedScenario): Fault[] {
  const named = (name: string) => ports.find((port) => port.name === name)!;
  return [
    ...links.flatMap(({ from, to }, i): Fault[] => {
      const [a, b] = [named(from), named(to)];
      if (a.speedBps !== b.speedBps) {
        return [valueFault(['links', i], `${from} and ${to} differ in speed, allowed: ports of the same speed`)];
      }
      if (a.network === b.network) return [];
      return [valueFault(['links', i], `${from} is on ${a.network} and ${to} on ${b.network}, allowed: one network`)];
    }),
    ...traffic.streams.flatMap((stream, i) =>
      (['from', 'to'] as const).flatMap((end): Fault[] => {
        const { name, peer } = named(stream[end]);
        if (peer === null) return [];
        const free = ports.filter((port) => port.peer === null).map((port) => port.name);
        const sentence = `${name} is wired to ${peer}, allowed: ${free.join(', ') || 'none, every port is linked'}`;
        return [valueFault(['traffic', 'streams', i, end], sentence)];
      }),
    ),
  ];
}

/** Routes that name no next hop where there is no station for one: behind a link, or a bridge without a port. */
export function checkGateways({ vms }: Scenario): Fault[] {
  return vms.flatMap(({ nf, nics }, v) =>
    nf.routes.flatMap(({ nic, gatewayMac }, r): Fault[] => {
      if (gatewayMac !== '' || !nics.some(({ name }) => name === nic)) return [];
      const sentence = `no station on the wire of ${nic} to be the next hop, allowed: a MAC address such as a vNIC's`;
      return [valueFault(['vms', v, 'nf', 'routes', r, 'gatewayMac'], sentence)];
    }),
  );
}
