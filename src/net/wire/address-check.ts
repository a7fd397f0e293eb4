// Whose addresses and ports an arriving test frame must bear, whatever the functions on its way have rewritten.
import { IPV4_DST_BYTE, IPV4_HEADER_MIN_BYTES, IPV4_SRC_BYTE } from './ipv4.ts';
import { readI32 } from './network-order.ts';
import { udpDstPort, udpSrcPort } from './udp.ts';

/** Addresses and ports, lowest and highest included. */
export interface EndpointRange {
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly portLow: number;
  readonly portHigh: number;
}

/** What is known of one end: exactly the endpoint that the frame's flow was sent from, or one of these. */
export type ExpectedEnd = 'flow' | EndpointRange;

export interface ExpectedAddresses {
  readonly source: ExpectedEnd;
  readonly destination: ExpectedEnd;
  /** Endpoints that the flows were sent from: see FlowTemplates. */
  readonly srcAddress: number;
  readonly srcPort: number;
  readonly srcPortCount: number;
}

/** Says nothing of an end. */
export const ANY_ENDPOINT: EndpointRange = {
  addressLow: 0,
  addressHigh: 0xffff_ffff,
  portLow: 0,
  portHigh: 0xffff,
};

export class AddressCheck {
  private readonly source: End;
  private readonly destination: End;
  private readonly srcAddress: number;
  private readonly srcPort: number;
  private readonly srcPortCount: number;

  constructor({ source, destination, srcAddress, srcPort, srcPortCount }: ExpectedAddresses) {
    this.source = new End(source);
    this.destination = new End(destination);
    this.srcAddress = srcAddress;
    this.srcPort = srcPort;
    this.srcPortCount = srcPortCount;
  }

  /** Whether the test frame whose IPv4 header is at `ip` bears what a frame of `flow` must bear. */
  matches(bytes: Uint8Array, ip: number, flow: number): boolean {
    const udp = ip + IPV4_HEADER_MIN_BYTES;
    return this.matchesPorts(bytes, ip, udpSrcPort(bytes, udp), udpDstPort(bytes, udp), flow);
  }

  /** The same for a frame of these ports, or of what it has in their place. */
  matchesPorts(bytes: Uint8Array, ip: number, sourcePort: number, destinationPort: number, flow: number): boolean {
    const row = ((flow | 0) / this.srcPortCount) | 0;
    const address = (this.srcAddress + row) | 0;
    const port = this.srcPort + flow - row * this.srcPortCount;
    return (
      this.source.matches(readI32(bytes, ip + IPV4_SRC_BYTE), sourcePort, address, port) &&
      this.destination.matches(readI32(bytes, ip + IPV4_DST_BYTE), destinationPort, address, port)
    );
  }
}

/** With its highest bit turned over, a signed int32 is less than another where the unsigned ones are. */
const HIGHEST_BIT = 1 << 31;

/** Addresses are signed int32 here: as uint32 every second one would be a number that V8 has to allocate. */
class End {
  private readonly isFlow: boolean;
  private readonly addressLow: number;
  private readonly addressHigh: number;
  private readonly portLow: number;
  private readonly portHigh: number;

  constructor(end: ExpectedEnd) {
    const range = end === 'flow' ? ANY_ENDPOINT : end;
    this.isFlow = end === 'flow';
    this.addressLow = range.addressLow ^ HIGHEST_BIT;
    this.addressHigh = range.addressHigh ^ HIGHEST_BIT;
    this.portLow = range.portLow;
    this.portHigh = range.portHigh;
  }

  matches(address: number, port: number, flowAddress: number, flowPort: number): boolean {
    if (this.isFlow) return address === flowAddress && port === flowPort;
    const ordered = address ^ HIGHEST_BIT;
    return ordered >= this.addressLow && ordered <= this.addressHigh && port >= this.portLow && port <= this.portHigh;
  }
}
