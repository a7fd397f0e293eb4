/** The replayed streams of the plan: how captured frames are readdressed, and what source and sink share. */
import { parseCidr } from '../../net/wire/address.ts';
import { parseMac } from '../../net/wire/ethernet.ts';
import { captureAt, readyReplay, selectionsOf } from './captures.ts';
import type { ReplayAddressing } from '../../net/capture/replay-addressing.ts';
import { reserveReplayStamps } from '../../net/capture/replay-stamps.ts';
import { laneBitsFor } from '../../net/capture/replay-tag.ts';
import type { ReplayStream } from '../../net/capture/replay-tag.ts';
import type { PlanDraft } from '../draft.ts';
import type { Scenario, StreamSpec } from '../../scenario/scenario.ts';

/**
 * Reserves the replays of all streams, in their order; none when the traffic is generated. `firstHost` is that of a
 * wire's stations.
 */
export function planReplays(draft: PlanDraft, scenario: Scenario, firstHost: number): ReplayStream[] {
  const { pcap, replay, streams } = scenario.traffic;
  if (pcap === 'none') return [];
  const selections = selectionsOf(
    captureAt(pcap, replay),
    replay,
    streams.map(({ from }) => from),
  );
  return streams.map((stream, i) => {
    const sharing = streams.filter(({ to }) => to === stream.to);
    const { macs, addressing } = addressingOf(scenario, stream, firstHost);
    return {
      ...readyReplay(selections[i], replay, addressing),
      ...macs,
      stamps: reserveReplayStamps(draft.wire),
      lane: sharing.indexOf(stream),
      laneBits: laneBitsFor(sharing.length),
    };
  });
}

/** From the station on one wire through the VM that has the vNIC to the network of the other wire. */
function addressingOf(
  { ports, bridges, vms }: Scenario,
  stream: StreamSpec,
  firstHost: number,
): { macs: Pick<ReplayStream, 'dstMac' | 'srcMac'>; addressing: ReplayAddressing } {
  const from = ports.find(({ name }) => name === stream.from);
  const to = ports.find(({ name }) => name === stream.to);
  const vm = vms.find(({ nics }) => nics.some(({ name }) => name === stream.via));
  const via = vm?.nics.find(({ name }) => name === stream.via);
  if (from === undefined || to === undefined || vm === undefined || via === undefined) {
    throw new Error(`stream ${stream.name} has no way from ${stream.from} by ${stream.via} to ${stream.to}`);
  }
  const far = bridges.find((bridge) => bridge.ports.includes(to.name))?.name;
  const routes = vm.nf.routes.map((route) => {
    const { address, prefixLength } = parseCidr(route.prefix);
    const leads = vm.nics.some(({ name, bridge }) => name === route.nic && bridge === far);
    return { prefix: address, length: prefixLength, leads };
  });
  return {
    macs: { dstMac: parseMac(via.mac), srcMac: parseMac(from.mac) },
    addressing: { network: parseCidr(to.network), firstHost, routes },
  };
}
