/** Which vNICs have queues of their own in a NIC, and in which one. */
import { MODES } from '../../scenario/modes.ts';
import type { Scenario, VmSpec, VnicSpec } from '../../scenario/scenario.ts';

export interface HardwareVnicSpec {
  readonly vm: VmSpec;
  readonly nic: VnicSpec;
}

/** The vNICs that a port's card serves, in the order of its own numbers for them: it is the first of their bridge. */
export function hardwareVnicsOf(
  { ports, bridges, vms }: Pick<Scenario, 'ports' | 'bridges' | 'vms'>,
  port: string,
): HardwareVnicSpec[] {
  const served = bridges
    .filter((bridge) => ports.find(({ name }) => bridge.ports.includes(name))?.name === port)
    .map(({ name }) => name);
  return vms.flatMap((vm) =>
    vm.nics.filter((nic) => MODES[nic.mode].way === 'nic' && served.includes(nic.bridge)).map((nic) => ({ vm, nic })),
  );
}
