/** How long frames may be: rules between MTUs, captures and what a mode's backend does with its receive buffers. */
import { FRAME_BYTES_STANDARD } from '../../memory/frame-room.ts';
import { MTU_STANDARD_BYTES, frameBytesOfMtu } from '../../net/wire/ethernet.ts';
import type { Fault, KeyPath } from '../fault.ts';
import { MODES, modesWhere } from '../modes.ts';
import type { Scenario, VnicSpec } from '../scenario.ts';

const MERGING_MODES = modesWhere(({ mergesBuffers }) => mergesBuffers);

/** Faults of MTUs and mergeable buffers. */
export function checkFrameLengths({ ports, bridges, vms, traffic }: Scenario): Fault[] {
  const value = (path: KeyPath, sentence: string): Fault => ({ path, at: 'value', sentence });
  const tooLong = (mtuBytes: number): boolean => frameBytesOfMtu(mtuBytes) > FRAME_BYTES_STANDARD;
  const replayed = traffic.pcap === 'none' ? [] : ports.map(({ mtuBytes }, i) => ({ mtuBytes, i }));
  const ofPorts = replayed
    .filter(({ mtuBytes }) => tooLong(mtuBytes))
    .map(({ mtuBytes, i }) =>
      value(
        ['ports', i, 'mtu'],
        `found ${mtuBytes} with traffic.pcap, allowed: at most ${FRAME_BYTES_STANDARD - frameBytesOfMtu(0)}, since ` +
          `replayed frames are kept to ${FRAME_BYTES_STANDARD} bytes`,
      ),
    );
  const ofNics = vms.flatMap(({ nics }, v) =>
    nics.flatMap((nic, n) => {
      const path = ['vms', v, 'nics', n];
      const bridge = bridges.find(({ name }) => name === nic.bridge);
      const wires = ports.filter(({ name }) => bridge?.ports.includes(name));
      if (MODES[nic.mode].mergesBuffers) return [];
      return notMerging(nic, path, Math.max(0, ...wires.map((p) => p.mtuBytes)));
    }),
  );
  return [...ofPorts, ...ofNics];
}

/** The hardware of these modes fills one receive buffer with a frame. */
function notMerging(nic: VnicSpec, path: KeyPath, wireMtuBytes: number): Fault[] {
  const faults: Fault[] = [];
  const at = nic.features.indexOf('mrg-rxbuf');
  if (at >= 0) {
    const allowed = `event-idx, indirect-desc, ring-packed; mrg-rxbuf needs mode ${MERGING_MODES.join(' or ')}`;
    const sentence = `found "mrg-rxbuf" with mode ${nic.mode}, allowed: ${allowed}`;
    faults.push({ path: [...path, 'features', at], at: 'value', sentence });
  }
  const mtuBytes = Math.max(nic.mtuBytes, wireMtuBytes);
  if (mtuBytes > MTU_STANDARD_BYTES) {
    const sentence =
      `found ${nic.mode} with an MTU of ${mtuBytes} on its wire, allowed: ${MERGING_MODES.join(', ')}, ` +
      `since its hardware fills one receive buffer with a frame, or an MTU of at most ${MTU_STANDARD_BYTES}`;
    faults.push({ path: [...path, 'mode'], at: 'value', sentence });
  }
  return faults;
}
