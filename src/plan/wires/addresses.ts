/** Which addresses a stream's frames must bear when they arrive, by the network functions on their way. */
import type { ExternalPool } from '../../../actors/guest/network-functions/nat-mappings.ts';
import { ANY_ENDPOINT } from '../../net/wire/address-check.ts';
import type { EndpointRange, ExpectedAddresses, ExpectedEnd } from '../../net/wire/address-check.ts';
import { parseCidr, parseEndpoint } from '../../net/wire/address.ts';
import type { Ipv4Endpoint } from '../../net/wire/address.ts';
import { srcPortsOf } from '../../net/traffic/flow-templates.ts';
import type { FlowSpec } from '../../net/traffic/flow-templates.ts';
import { natPool } from '../guest/functions.ts';
import { FUNCTION_KINDS, isOfKind } from '../../scenario/function-kinds.ts';
import type { NfWith } from '../../scenario/function-kinds.ts';
import type { Scenario, StreamSpec } from '../../scenario/scenario.ts';

interface Ends {
  readonly source: ExpectedEnd;
  readonly destination: ExpectedEnd;
}

const ANYONE: Ends = { source: ANY_ENDPOINT, destination: ANY_ENDPOINT };

export function expectedAddresses(scenario: Scenario, stream: StreamSpec, flows: FlowSpec): ExpectedAddresses {
  const { srcAddress, srcPort } = flows;
  return { ...endsOf(scenario, stream, flows), srcAddress, srcPort, srcPortCount: srcPortsOf(flows) };
}

function endsOf({ vms }: Scenario, { via, protocol }: StreamSpec, { dstAddress, dstPort }: FlowSpec): Ends {
  // An echo has one identifier in the place of both ports: its flow's.
  const [portLow, portHigh] = protocol === 'icmp' ? [0, 0xffff] : [dstPort, dstPort];
  const asked: EndpointRange = { addressLow: dstAddress, addressHigh: dstAddress, portLow, portHigh };
  const isAt = (addresses: 'answered' | 'unknown', address: number): boolean =>
    vms.some(
      ({ nf, nics }) =>
        isOfKind(nf, 'addresses', addresses) && nics.some(({ ip }) => parseCidr(ip).address === address),
    );
  const nf = vms.find(({ nics }) => nics.some(({ name }) => name === via))?.nf;
  const isBalanced =
    nf !== undefined &&
    isOfKind(nf, 'addresses', 'balanced') &&
    protocol !== 'icmp' &&
    isSentTo(nf, dstAddress, dstPort);
  const backends = isBalanced ? nf.backends.map(endpointOf) : [];
  // What comes back is the answer: from where the request was sent to, to where it was sent from.
  if (isAt('answered', dstAddress) || backends.some(({ address }) => isAt('answered', address))) {
    return { source: asked, destination: 'flow' };
  }
  // A user's function may rewrite whatever it likes, and so may one behind a balancer.
  if (nf === undefined || backends.some(({ address }) => isAt('unknown', address))) return ANYONE;
  // Which mapping a packet from outside will find nobody knows beforehand.
  if (isOfKind(nf, 'addresses', 'translated')) {
    return via === nf.outside ? ANYONE : { source: rangeOf(natPool(nf)), destination: asked };
  }
  switch (FUNCTION_KINDS[nf.kind].addresses) {
    case 'kept':
      return { source: 'flow', destination: asked };
    case 'balanced':
      return { source: 'flow', destination: backends.length === 0 ? asked : spanOf(backends) };
    case 'answered':
    case 'ended':
    case 'unknown':
      return ANYONE;
  }
}

function rangeOf({ firstAddress, addresses, firstPort, ports }: ExternalPool): EndpointRange {
  const addressHigh = firstAddress + addresses - 1;
  return { addressLow: firstAddress, addressHigh, portLow: firstPort, portHigh: firstPort + ports - 1 };
}

function isSentTo({ virtual }: NfWith<'addresses', 'balanced'>, address: number, port: number): boolean {
  const known = parseEndpoint(virtual);
  return known.address === address && known.port === port;
}

function endpointOf({ endpoint }: NfWith<'addresses', 'balanced'>['backends'][number]): Ipv4Endpoint {
  return parseEndpoint(endpoint);
}

function spanOf(endpoints: readonly Ipv4Endpoint[]): EndpointRange {
  const addresses = endpoints.map(({ address }) => address);
  const ports = endpoints.map(({ port }) => port);
  return {
    addressLow: Math.min(...addresses),
    addressHigh: Math.max(...addresses),
    portLow: Math.min(...ports),
    portHigh: Math.max(...ports),
  };
}
