/** How much room a run's frames need: in slots, on wires, and in a guest. */
import { FRAME_BYTES_STANDARD } from '../memory/frame-room.ts';
import { ETH_FCS_BYTES, MTU_STANDARD_BYTES, frameBytesOfMtu } from '../net/wire/ethernet.ts';
import type { Scenario, VnicSpec } from '../scenario/scenario.ts';
import { NET_HEADER_BYTES } from '../virtio/net/net-header.ts';

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
