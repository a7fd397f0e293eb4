/** VLANs: the NIC tells them apart, so only what it classifies itself can be in one. */
import { VLAN_NONE } from '../../net/wire/vlan.ts';
import { valueFault } from '../fault.ts';
import type { Fault, KeyPath } from '../fault.ts';
import { MODES, modesWhere } from '../modes.ts';
import type { Scenario } from '../scenario.ts';

const CLASSIFIED_MODES = modesWhere(({ classifiesVlans }) => classifiesVlans);

/** Faults of vNICs in a VLAN that bridges, which forward by address alone, or clients, which send no tags, would have to know. */
export function checkVlans({ vms, traffic }: Scenario): Fault[] {
  return vms.flatMap(({ nics }, v) =>
    nics.flatMap(({ name, mode, vlan }, n): Fault[] => {
      if (vlan === VLAN_NONE) return [];
      const path: KeyPath = ['vms', v, 'nics', n, 'vlan'];
      if (!MODES[mode].classifiesVlans) {
        const allowed = `none, or mode ${CLASSIFIED_MODES.join(' or ')}, since bridges here forward by address alone`;
        return [valueFault(path, `found ${vlan} with mode ${mode}, allowed: ${allowed}`)];
      }
      const clients = traffic.connections.find(({ to }) => to === name);
      if (clients === undefined) return [];
      return [valueFault(path, `found ${vlan}, allowed: none, since the clients of ${clients.port} send no tags`)];
    }),
  );
}
