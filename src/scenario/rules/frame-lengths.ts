/** How long frames may be: what a device's MTU allows, what a run has to have room for, and rules between the two. */
import { FRAME_BYTES_STANDARD } from '../../memory/frame-room.ts';
import { ETH_FCS_BYTES, ETH_HEADER_BYTES, VLAN_TAG_BYTES } from '../../net/wire/ethernet.ts';
import { NET_HEADER_BYTES } from '../../virtio/net/net-header.ts';
import type { KeyPath } from '../text/document.ts';
import type { Fault } from '../text/issues.ts';
import { MODES, modesWhere } from '../modes.ts';
import type { Scenario, VnicSpec } from '../scenario.ts';

export const MTU_STANDARD_BYTES = 1500;
const MERGING_MODES = modesWhere(({ mergesBuffers }) => mergesBuffers);

/**
 * The longest frame without FCS that a device of this MTU sends: mtu + hard_header_len + VLAN_HLEN, as
 * is_skb_forwardable has it (net/core/dev.c): a tag is not counted against the MTU.
 */
export function frameBytesOfMtu(mtuBytes: number): number {
  return mtuBytes + ETH_HEADER_BYTES + VLAN_TAG_BYTES;
}

/** The longest frame, without FCS, that a run must have room for in slots and on wires. */
export function largestFrameBytes({ ports, vms, traffic }: Scenario): number {
  const mtus = [...ports, ...vms.flatMap(({ nics }) => nics)].map(({ mtuBytes }) => frameBytesOfMtu(mtuBytes));
  // A capture's sizes are not here but in its file; what of it is longer than the standard is cut.
  const sent = traffic.pcap === 'none' ? traffic.streams.flatMap(({ frameBytes }) => frameBytes) : [];
  return Math.max(FRAME_BYTES_STANDARD, ...mtus, ...sent.map((bytes) => bytes - ETH_FCS_BYTES));
}

/** Bytes behind one another that a vNIC's longest frame takes in its guest, virtio header included. */
export function guestFrameRoomBytes(nic: VnicSpec): number {
  const mtuBytes = nic.features.includes('mrg-rxbuf') ? nic.mtuBytes : MTU_STANDARD_BYTES;
  return NET_HEADER_BYTES + Math.max(FRAME_BYTES_STANDARD, frameBytesOfMtu(mtuBytes));
}

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
