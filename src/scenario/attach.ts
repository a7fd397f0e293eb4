/** A scenario with real programs in the place of its stations: at the end of every wire a namespace of its own. */
import { formatIpv4, parseCidr } from '../net/wire/address.ts';
import { VLAN_NONE } from '../net/wire/vlan.ts';
import { ScenarioError, showValue } from './error.ts';
import { checkDeviceName } from './device-names.ts';
import type { Refuse } from './device-names.ts';
import type { PlacementSpec, PortSpec, Scenario, StreamSpec, VnicSpec } from './scenario.ts';

/** Hosts .1 to .9 of a wire's network are routers; stations begin here. */
export const FIRST_STATION = 10;

/** What programs at the end of one port's wire are given. */
export interface EndSpec {
  readonly port: string;
  /** Of its device: that of the station which the guests' routes lead to. */
  readonly mac: string;
  readonly mtuBytes: number;
  readonly speedBps: number;
  /** With prefix length. */
  readonly address: string;
  /** The guest that everything beyond its own network is sent to. */
  readonly gateway: string;
  /** The vNICs on its wire. No guest answers ARP, so that they are entered by hand. */
  readonly neighbours: readonly { readonly address: string; readonly mac: string }[];
  /** Whom the scenario has this end send to, and the end that is there, if one is. */
  readonly target: { readonly address: string; readonly port: string | null } | null;
}

export interface Attached {
  /** Without traffic of its own, and with one phase, which lasts until somebody ends it. */
  readonly scenario: Scenario;
  readonly ends: readonly EndSpec[];
}

/** Name of that phase. */
export const ATTACHED = 'attached';

/**
 * @param durationNs how long programs have; Infinity for as long as they like.
 * @throws ScenarioError that names everything which programs cannot be attached to.
 */
export function attachPrograms(scenario: Scenario, durationNs: number): Attached {
  const sentences = refusals(scenario);
  if (sentences.length > 0) {
    throw new ScenarioError(sentences.map((sentence) => ({ file: 'attach', place: { kind: 'whole' }, sentence })));
  }
  const ends = wires(scenario).map((port) => endOf(scenario, port));
  const { run, traffic, placement } = scenario;
  const phase = {
    name: ATTACHED,
    rate: { kind: 'frames', perSecond: 0 } as const,
    connectionsPerSecond: null,
    durationNs,
    stoppedVms: [],
    drainedBackends: [],
  };
  return {
    ends,
    scenario: {
      ...scenario,
      traffic: { ...traffic, pcap: 'none', streams: [], connections: [] },
      placement: withPatientHardware(placement),
      run: { ...run, warmupNs: 0, phases: [phase] },
      expect: [],
    },
  };
}

const wires = ({ ports }: Scenario): PortSpec[] => ports.filter(({ peer }) => peer === null);

/** Hardware has no rate to hold here, and programs need the cores as well: it takes its turn with them. */
function withPatientHardware(placement: PlacementSpec): PlacementSpec {
  if (placement.threads.some(({ match }) => match === 'hardware')) return placement;
  const hardware = { match: 'hardware', own: false, core: null, policy: 'other', nice: 0 } as const;
  return { ...placement, threads: [...placement.threads, hardware] };
}

function endOf(scenario: Scenario, { name, mac, mtuBytes, speedBps, network }: PortSpec): EndSpec {
  const { address, prefixLength } = parseCidr(network);
  const streams = scenario.traffic.streams.filter(({ from }) => from === name);
  const nics = nicsAt(scenario, name);
  const stream = streams.find(({ from, to }) => from !== to) ?? streams[0];
  const entry = nics.find((nic) => nic.name === stream?.via) ?? nics[0];
  return {
    port: name,
    mac,
    mtuBytes,
    speedBps,
    address: `${formatIpv4(address + FIRST_STATION)}/${prefixLength}`,
    gateway: addressOf(entry),
    neighbours: nics.map((nic) => ({ address: addressOf(nic), mac: nic.mac })),
    target: stream === undefined ? null : targetOf(scenario, stream),
  };
}

const addressOf = ({ ip }: VnicSpec): string => formatIpv4(parseCidr(ip).address);

/** The vNICs on the wire of a port. */
function nicsAt({ bridges, vms }: Scenario, port: string): VnicSpec[] {
  const here = bridges.filter(({ ports }) => ports.includes(port)).map(({ name }) => name);
  return vms.flatMap(({ nics }) => nics.filter(({ bridge }) => here.includes(bridge)));
}

function targetOf(scenario: Scenario, { from, to, destination }: StreamSpec): EndSpec['target'] {
  if (destination !== 'auto') return { address: destination.split(':')[0], port: null };
  const far = wires(scenario).find(({ name }) => name === to);
  if (far === undefined || to === from) return null;
  return { address: formatIpv4(parseCidr(far.network).address + FIRST_STATION), port: to };
}

function refusals(scenario: Scenario): string[] {
  const found: string[] = [];
  const refuse: Refuse = (place, value, allowed, reason) =>
    void found.push(`${place}: found ${showValue(value)}, allowed: ${allowed}; ${reason}`);
  const { ports, vms, run } = scenario;
  if (wires(scenario).length === 0) refuse('ports', ports.length, 'one without a peer', 'every wire has both its ends');
  for (const { name } of wires(scenario)) {
    checkDeviceName(`ports.${name}.name`, name, 0, refuse);
    if (nicsAt(scenario, name).length === 0) refuse(`ports.${name}`, 'no vNIC', 'one', 'nobody is behind that wire');
  }
  for (const { name, vlan } of vms.flatMap(({ nics }) => nics)) {
    if (vlan !== VLAN_NONE) refuse(`vNIC ${name}: vlan`, vlan, 'none', 'what programs send has no tag');
  }
  const still = 'VMs stay as they are at the beginning';
  if (run.timeline.length > 0) refuse('run.timeline', run.timeline, 'none', still);
  if (run.autoscale.length > 0) refuse('run.autoscale', run.autoscale, 'none', still);
  return found;
}
