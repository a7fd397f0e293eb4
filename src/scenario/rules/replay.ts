/** Captures: what a replayed frame may meet on its way to the sink that has to know it again. */
import { valueFault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { FUNCTION_KINDS, kindsForPeople } from '../function-kinds.ts';
import type { Scenario } from '../scenario.ts';

const PASSING = kindsForPeople(({ passesCaptures }) => passesCaptures);

/** The fault of a capture that a network function rewrites or answers: its frames would all arrive corrupt or foreign. */
export function checkReplay({ vms, traffic }: Scenario): Fault[] {
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
