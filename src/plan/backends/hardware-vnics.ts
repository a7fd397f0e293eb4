/** Which vNICs have queues of their own in a NIC, and in which one. */
import type { Scenario, VmSpec, VnicSpec } from '../../scenario/scenario.ts';

export interface HardwareVnicSpec {
  readonly vm: VmSpec;
  readonly nic: VnicSpec;
}

/** Whether a vNIC's frames pass the host by. */
export function bypassesHost({ mode }: Pick<VnicSpec, 'mode'>): boolean {
  return mode === 'accelerated' || mode === 'direct';
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
    vm.nics.filter((nic) => bypassesHost(nic) && served.includes(nic.bridge)).map((nic) => ({ vm, nic })),
  );
}
