/** Which addresses a stream's frames must bear when they arrive, by the network functions on their way. */
import type { ExternalPool } from '../../../actors/guest/network-functions/nat-mappings.ts';
import { ANY_ENDPOINT } from '../../net/wire/address-check.ts';
import type { EndpointRange, ExpectedAddresses, ExpectedEnd } from '../../net/wire/address-check.ts';
import { parseCidr, parseEndpoint } from '../../net/wire/address.ts';
import type { Ipv4Endpoint } from '../../net/wire/address.ts';
import { srcPortsOf } from '../../net/traffic/flow-templates.ts';
import type { FlowSpec } from '../../net/traffic/flow-templates.ts';
import { natPool } from '../guest/functions.ts';
import type { LoadBalancerSpec } from '../../scenario/functions.ts';
import type { Scenario, StreamSpec } from '../../scenario/scenario.ts';

interface Ends {
  readonly source: ExpectedEnd;
  readonly destination: ExpectedEnd;
}

export function expectedAddresses(scenario: Scenario, stream: StreamSpec, flows: FlowSpec): ExpectedAddresses {
  const { srcAddress, srcPort } = flows;
  return { ...endsOf(scenario, stream, flows), srcAddress, srcPort, srcPortCount: srcPortsOf(flows) };
}

function endsOf({ vms }: Scenario, { via }: StreamSpec, { dstAddress, dstPort }: FlowSpec): Ends {
  const asked: EndpointRange = { addressLow: dstAddress, addressHigh: dstAddress, portLow: dstPort, portHigh: dstPort };
  const isAt = (kind: 'server' | 'module', address: number): boolean =>
    vms.some(({ nf, nics }) => nf.kind === kind && nics.some(({ ip }) => parseCidr(ip).address === address));
  const nf = vms.find(({ nics }) => nics.some(({ name }) => name === via))?.nf;
  const backends = nf?.kind === 'load-balancer' && isSentTo(nf, dstAddress, dstPort) ? nf.backends.map(endpointOf) : [];
  // What comes back is the answer: from where the request was sent to, to where it was sent from.
  if (isAt('server', dstAddress) || backends.some(({ address }) => isAt('server', address))) {
    return { source: asked, destination: 'flow' };
  }
  // A user's function may rewrite whatever it likes, and so may one behind a balancer.
  if (backends.some(({ address }) => isAt('module', address)))
    return { source: ANY_ENDPOINT, destination: ANY_ENDPOINT };
  switch (nf?.kind) {
    case 'ip-forward':
    case 'firewall':
      return { source: 'flow', destination: asked };
    case 'load-balancer':
      return { source: 'flow', destination: backends.length === 0 ? asked : spanOf(backends) };
    // Which mapping a packet from outside will find nobody knows beforehand.
    case 'nat44':
      return via === nf.outside
        ? { source: ANY_ENDPOINT, destination: ANY_ENDPOINT }
        : { source: rangeOf(natPool(nf)), destination: asked };
    case 'module':
    case 'server':
    case 'tcp-terminate':
    case 'tcp-proxy':
    case undefined:
      return { source: ANY_ENDPOINT, destination: ANY_ENDPOINT };
  }
}

function rangeOf({ firstAddress, addresses, firstPort, ports }: ExternalPool): EndpointRange {
  const addressHigh = firstAddress + addresses - 1;
  return { addressLow: firstAddress, addressHigh, portLow: firstPort, portHigh: firstPort + ports - 1 };
}

function isSentTo({ virtual }: LoadBalancerSpec, address: number, port: number): boolean {
  const known = parseEndpoint(virtual);
  return known.address === address && known.port === port;
}

function endpointOf({ endpoint }: LoadBalancerSpec['backends'][number]): Ipv4Endpoint {
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
