import { VLAN_TAG_BYTES } from '../net/wire/ethernet.ts';
import { VLAN_NONE } from '../net/wire/vlan.ts';
import { meanFrameBytes, rateFps } from './text/quantities.ts';
import type { Rate } from './text/quantities.ts';
import type { PortSpec, StreamSpec } from './scenario.ts';

/** What of a scenario decides its rates. */
export interface RatedTraffic {
  readonly ports: readonly Pick<PortSpec, 'name' | 'speedBps'>[];
  readonly streams: readonly Pick<StreamSpec, 'from' | 'rate' | 'frameBytes' | 'vlan' | 'capturedFps'>[];
}

/**
 * Frames/s of each stream, in the order of the streams, when `rate` is offered by all that have no rate of their own.
 * Frames/s and bit/s are for those streams together and shared evenly; a share of the line rate is of the line of each
 * port they leave by, shared evenly by the streams that leave there; times a capture's pace is for each stream that of
 * its own frames. A stream's own rate is its alone.
 */
export function streamRatesFps({ ports, streams }: RatedTraffic, rate: Rate): number[] {
  const sharing = streams.filter((stream) => stream.rate === 'shared');
  return streams.map((stream) => {
    const lineRateBps = ports.find((port) => port.name === stream.from)?.speedBps ?? 0;
    const frameBytes = meanBytesOnWire(stream);
    const own = stream.rate === 'shared' ? rate : stream.rate;
    const fps = rateFps(own, frameBytes, lineRateBps, stream.capturedFps ?? 0);
    if (stream.rate !== 'shared' || rate.kind === 'captured') return fps;
    const sharers = rate.kind === 'lineRate' ? sharing.filter(({ from }) => from === stream.from) : sharing;
    return fps / sharers.length;
  });
}

/** Share of each port's line that the streams use at that rate, by port name; above 1 it cannot be sent. */
export function portLoads(traffic: RatedTraffic, rate: Rate): Map<string, number> {
  const ratesFps = streamRatesFps(traffic, rate);
  const loads = new Map<string, number>(traffic.ports.map(({ name }) => [name, 0]));
  traffic.streams.forEach((stream, i) => {
    const { from } = stream;
    const speedBps = traffic.ports.find((port) => port.name === from)?.speedBps ?? 0;
    const fullFps = rateFps({ kind: 'lineRate', share: 1 }, meanBytesOnWire(stream), speedBps);
    loads.set(from, (loads.get(from) ?? 0) + ratesFps[i] / fullFps);
  });
  return loads;
}

/** Bytes of a frame with FCS and tag. */
function meanBytesOnWire({ frameBytes, vlan }: RatedTraffic['streams'][number]): number {
  return meanFrameBytes(frameBytes) + (vlan === VLAN_NONE ? 0 : VLAN_TAG_BYTES);
}
