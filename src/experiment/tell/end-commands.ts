/** How real programs are used at the ends of a run's wires, as lines to be typed. */
import type { EndPlace } from '../../runtime/host.ts';

/** A line for each program, for the first end that has somebody to send to. */
export function endCommands(ends: readonly EndPlace[]): string[] {
  const from = ends.find(({ target }) => target !== null);
  if (from === undefined) return ends.map(({ namespace }) => inside(namespace, 'bash'));
  const { address, port } = from.target!;
  const to = ends.find((end) => end.port === port);
  if (to === undefined) {
    return [inside(from.namespace, `ping ${address}`), inside(from.namespace, `tcpdump -ni ${from.port}`)];
  }
  return [
    inside(from.namespace, `ping ${address}`),
    inside(to.namespace, 'iperf3 -s'),
    inside(from.namespace, `iperf3 -c ${address}`),
    inside(from.namespace, `iperf3 -c ${address} -u -b 50M`),
    inside(to.namespace, `tcpdump -ni ${to.port}`),
  ];
}

const inside = (namespace: string, command: string): string => `ip netns exec ${namespace} ${command}`;
