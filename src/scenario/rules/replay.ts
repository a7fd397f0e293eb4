/** Captures: what a replayed frame may meet on its way to the sink that has to know it again. */
import { valueFault } from '../fault.ts';
import type { Fault, KeyPath } from '../fault.ts';
import { FUNCTION_KINDS, kindsForPeople } from '../function-kinds.ts';
import type { ReplaySpec, Scenario, StreamSpec } from '../scenario.ts';
import { formatRate } from '../text/quantities.ts';
import type { Rate } from '../text/quantities.ts';

const PASSING = kindsForPeople(({ passesCaptures }) => passesCaptures);

/** Faults of rates that only a capture has, and of what its frames meet. */
export function checkReplay(scenario: Scenario): Fault[] {
  return [...checkPace(scenario), ...checkFunctions(scenario)];
}

/** Faults of how a capture is to be split, which its reading depends on. */
export function checkSplit({ split, clients }: Pick<ReplaySpec, 'split' | 'clients'>): Fault[] {
  const path = ['traffic', 'replay'];
  if (split === 'clients' && clients === 'none') {
    const sentence = 'missing key "clients" for split: clients, allowed: a prefix such as 192.168.1.0/24';
    return [valueFault([...path, 'split'], sentence)];
  }
  if (split === 'clients' || clients === 'none') return [];
  const sentence = `found ${clients} with split: ${split}, allowed: none, or split: clients beside it`;
  return [valueFault([...path, 'clients'], sentence)];
}

/** A rate such as 1x needs a capture that has times, which bursts and random gaps would override. */
function checkPace({ traffic, run }: Scenario): Fault[] {
  const { streams, pcap, pattern, burst } = traffic;
  const isCaptured = (rate: Rate | 'shared'): boolean => rate !== 'shared' && rate.kind === 'captured';
  const places: [KeyPath, Rate | 'shared', readonly StreamSpec[]][] = [
    ...run.phases.map(({ rate }, i): [KeyPath, Rate, readonly StreamSpec[]] => {
      return [['run', 'phases', i, 'rate'], rate, streams.filter((stream) => stream.rate === 'shared')];
    }),
    ...streams.map((stream, i): [KeyPath, Rate | 'shared', readonly StreamSpec[]] => {
      return [['traffic', 'streams', i, 'rate'], stream.rate, [stream]];
    }),
  ];
  return places.flatMap(([path, rate, paced]): Fault[] => {
    if (rate === 'shared' || !isCaptured(rate) || paced.length === 0) return [];
    const refuse = (found: string, allowed: string): Fault[] => {
      return [valueFault(path, `found ${formatRate(rate)} ${found}, allowed: ${allowed}`)];
    };
    if (pcap === 'none')
      return refuse('without a capture', 'a rate such as 300kpps, or a capture beside it (traffic.pcap, --pcap)');
    if (paced.some(({ capturedFps }) => capturedFps === null)) {
      return refuse('for a capture whose frames have no times, or all the same', 'a rate such as 300kpps');
    }
    if (pattern === 'constant' && burst === 1) return [];
    return refuse(`with pattern ${pattern} and burst ${burst}`, 'pattern: constant and burst: 1 beside it');
  });
}

/** The fault of a capture that a network function rewrites or answers: its frames would all arrive corrupt or foreign. */
function checkFunctions({ vms, traffic }: Scenario): Fault[] {
  if (traffic.pcap === 'none') return [];
  for (const { name, via } of traffic.streams) {
    const vm = vms.find(({ nics }) => nics.some((nic) => nic.name === via));
    if (vm === undefined || FUNCTION_KINDS[vm.nf.kind].passesCaptures) continue;
    const sentence =
      `found a capture, and ${vm.nf.kind} on the way of stream ${name} (VM ${vm.name}), which changes more than the ` +
      `next hop: replayed frames are known by their content, allowed: none, or ${PASSING} there`;
    return [valueFault(['traffic', 'pcap'], sentence)];
  }
  return [];
}
