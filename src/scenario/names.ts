/** How the threads and actors of a run are called, wherever a scenario or a result names one. */
import { MODES } from './modes.ts';
import type { PlacementSpec, ThreadSpec, VnicSpec } from './scenario.ts';
import type { PlacementKind } from './words.ts';

export const generatorName = (port: string): string => `generator-${port}`;
export const clientName = (port: string): string => `client-${port}`;
export const sinkName = (port: string): string => `sink-${port}`;
export const endName = (port: string): string => `end-${port}`;
export const vcpuName = (vm: string, index: number): string => `${vm}/vcpu${index}`;
export const guestTimerName = (vm: string): string => `${vm}/timer`;
export const vmmName = (vm: string): string => `${vm}/vmm`;
export const hardwareName = (index: number): string => `hardware${index}`;

/** What belongs to one of several queues has the queue's number behind its name; the first has the plain name. */
export const queueName = (name: string, queue: number): string => (queue === 0 ? name : `${name}.${queue}`);

/** `softirq0`, or `server/softirq0` where there are several hosts. */
export function softirqName(hosts: readonly { readonly name: string }[], host: string, cpu: number): string {
  return hosts.length === 1 ? `softirq${cpu}` : `${host}/softirq${cpu}`;
}

/**
 * What moves a vNIC's frames, or controls who does: a backend for each queue pair, or a single one where its mode has no
 * more.
 */
export function backendNames({ name, mode, queues }: Pick<VnicSpec, 'name' | 'mode' | 'queues'>): string[] {
  const { backend, backendPerPair } = MODES[mode];
  const backends = backendPerPair ? queues : 1;
  return Array.from({ length: backends }, (_, pair) => queueName(`${backend}-${name}`, pair));
}

/** The components that thread names are made of. */
export interface NamedComponents {
  readonly hosts: readonly { readonly name: string; readonly softirqCpus: number }[];
  readonly ports: readonly { readonly name: string; readonly peer: string | null }[];
  readonly bridges: readonly { readonly name: string }[];
  readonly vms: readonly {
    readonly name: string;
    readonly vcpus: number;
    readonly nics: readonly (Pick<VnicSpec, 'name' | 'mode' | 'queues'> & {
      readonly tap: { readonly name: string };
    })[];
  }[];
  readonly traffic: { readonly connections: readonly { readonly port: string }[] };
}

/** Names of everything that can have a thread, except hardware threads, which are made as they are needed. */
export function actorNames({ hosts, ports, bridges, vms, traffic }: NamedComponents): string[] {
  return [
    ...hosts.flatMap(({ name, softirqCpus }) =>
      Array.from({ length: softirqCpus }, (_, cpu) => softirqName(hosts, name, cpu)),
    ),
    ...ports.flatMap(({ name, peer }) => (peer === null ? [generatorName(name), name, sinkName(name)] : [name])),
    ...traffic.connections.map(({ port }) => clientName(port)),
    ...bridges.map(({ name }) => name),
    ...vms.flatMap(({ name, vcpus, nics }) => [
      ...nics.flatMap((nic) => [nic.tap.name, ...backendNames(nic)]),
      ...Array.from({ length: vcpus }, (_, i) => vcpuName(name, i)),
      vmmName(name),
    ]),
  ];
}

/** True for `hardware0`, `hardware1` and the like. */
export function isHardwareThread(name: string): boolean {
  return /^hardware\d+$/.test(name);
}

/**
 * What the scenario says about one thread: settings of its kind, over them those of the VM it works for, and over these
 * those of its name. A VM has its vCPUs, its VMM, and whatever moves the frames of its vNICs in their mode.
 */
export function threadSettings(
  placement: PlacementSpec,
  kind: PlacementKind,
  name: string,
  vm: string | null,
): Omit<ThreadSpec, 'match'> {
  const [ofName, ofVm, ofKind] = [name, vm, kind].map((wanted) =>
    placement.threads.find(({ match }) => match === wanted),
  );
  return {
    own: [ofName, ofVm, ofKind].some((settings) => settings?.own === true),
    core: ofName?.core ?? ofVm?.core ?? ofKind?.core ?? null,
    policy: ofName?.policy ?? ofVm?.policy ?? ofKind?.policy ?? null,
    nice: ofName?.nice ?? ofVm?.nice ?? ofKind?.nice ?? null,
  };
}
