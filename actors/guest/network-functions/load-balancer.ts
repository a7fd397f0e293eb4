import type { Memory } from '../../../src/memory/arena.ts';
import { ENDPOINT_ABSENT, EndpointTable, hashEndpoint, portKey } from '../../../src/net/tables/endpoint-table.ts';
import { ETH_HEADER_BYTES } from '../../../src/net/wire/ethernet.ts';
import {
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  ipv4Dst,
  ipv4HeaderBytes,
  ipv4IsFragment,
  ipv4Protocol,
  ipv4Src,
  ipv4TotalBytes,
} from '../../../src/net/wire/ipv4.ts';
import { readU16 } from '../../../src/net/wire/network-order.ts';
import { rewriteDestination, rewriteSource } from '../../../src/net/wire/rewrite.ts';
import { TCP_HEADER_MIN_BYTES } from '../../../src/net/tcp/tcp.ts';
import { UDP_HEADER_BYTES } from '../../../src/net/wire/udp.ts';
import { BACKEND_OUT, BackendStates } from './backend-states.ts';
import type { BackendStatesConfig } from './backend-states.ts';
import { BalancedConnections, NO_CONNECTION } from './balanced-connections.ts';
import type { RoutingConfig } from './ip-forward.ts';
import { IP_FORWARD_DROPS, IpForward } from './ip-forward.ts';
import { IPV4_ACCEPTED } from './ipv4-input.ts';
import { MaglevTable } from './maglev.ts';
import type { WeightedBackend } from './maglev.ts';
import type { BuiltInFunction, EventCounter, NetworkFunction } from './network-function.ts';
import { dropped } from './network-function.ts';

const FIRST = IP_FORWARD_DROPS.length;
const LOAD_BALANCER_DROPS = [
  ...IP_FORWARD_DROPS,
  { name: 'nf_fragment', reason: 'fragment to the virtual address or from a backend, which is not reassembled' },
  { name: 'nf_l4_hdr_errors', reason: 'transport header cut off' },
  { name: 'nf_no_backend', reason: 'no backend takes new connections' },
] as const;
const FRAGMENT = dropped(FIRST);
const L4_HEADER_ERROR = dropped(FIRST + 1);
const NO_BACKEND = dropped(FIRST + 2);
const ACCEPTED = IPV4_ACCEPTED;
const OUT = BACKEND_OUT;

const CREATED = 0;
const EXPIRED = 1;
const UNTRACKED = 2;
const MOVED = 3;
const TO_FIRST_BACKEND = 4;
const EVENTS = [
  { name: 'nf_connections_created', meaning: 'connections that a load balancer chose a backend for and remembered' },
  {
    name: 'nf_connections_expired',
    meaning: 'connections that a load balancer forgot, idle for longer than idleTimeout',
  },
  {
    name: 'nf_connections_untracked',
    meaning: 'packets that found no room in its table, and went by consistent hashing alone',
  },
  {
    name: 'nf_connections_moved',
    meaning: 'connections whose backend was taken out of rotation, so that another was chosen',
  },
] as const;

export interface LoadBalancerConfig extends RoutingConfig, BackendStatesConfig {
  readonly kind: 'load-balancer';
  /** The endpoint that clients know, of TCP and UDP alike. */
  readonly virtual: { readonly address: number; readonly port: number };
  readonly backends: readonly WeightedBackend[];
  /** Connections that each vCPU remembers, and for how long after their last packet. */
  readonly connections: number;
  readonly idleMs: number;
}

/**
 * What it counts: connections, new packets that found no room in the table, connections whose backend was taken out,
 * and packets to each backend.
 */
function loadBalancerEvents({ backends }: LoadBalancerConfig): readonly EventCounter[] {
  const meaning = 'packets that were sent on to this backend';
  return [...EVENTS, ...backends.map((_, i) => ({ name: `nf_to_backend${i}`, meaning }))];
}

/**
 * An application delivery controller at layer 4. What clients send to the virtual endpoint goes to a backend, its
 * destination rewritten; what a backend's endpoint answers leaves with the virtual one as its source. A new connection
 * gets its backend by consistent hashing, so that any instance would choose the same one, and keeps it by its entry in
 * the connection table while backends come and are drained (Maglev, NSDI '16, section 3.2). Answers need no table, so
 * it does not matter which vCPU they come to.
 */
export class LoadBalancer implements NetworkFunction {
  readonly name = 'load-balancer';
  readonly drops = LOAD_BALANCER_DROPS;
  readonly events: readonly string[];
  readonly counts: Float64Array;
  private readonly router: IpForward;
  private readonly virtualAddress: number;
  private readonly virtualPort: number;
  private readonly backends: readonly WeightedBackend[];
  /** Numbers of the backends by their endpoints, whatever the protocol. */
  private readonly backendOf: EndpointTable;
  private readonly maglev: MaglevTable;
  private readonly connections: BalancedConnections;
  private readonly states: BackendStates;
  private batchNs = -1;

  constructor(memory: Memory, config: LoadBalancerConfig) {
    const { backends, virtual } = config;
    this.router = new IpForward(config);
    this.virtualAddress = virtual.address;
    this.virtualPort = virtual.port;
    this.backends = backends;
    this.backendOf = new EndpointTable(backends.length);
    backends.forEach(({ address, port }, i) => this.backendOf.add(address, endpointKey(port), i, 0));
    this.maglev = new MaglevTable(backends);
    this.connections = new BalancedConnections(config.connections, config.idleMs, backends.length);
    this.states = new BackendStates(memory, config, backends.length);
    this.events = loadBalancerEvents(config).map(({ name }) => name);
    this.counts = new Float64Array(this.events.length);
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number, nowNs: number): number {
    const router = this.router;
    const refused = router.accept(bytes, offset, length, port);
    if (refused !== ACCEPTED) return refused;
    if (nowNs !== this.batchNs) this.beginBatch(nowNs);
    const translated = this.translate(bytes, offset + ETH_HEADER_BYTES, (nowNs * 1e-6) | 0);
    if (translated !== ACCEPTED) return translated;
    const route = router.route(bytes, offset);
    return route < 0 ? route : router.send(bytes, offset, route);
  }

  /** Looks whether the control plane has changed the backends. */
  private beginBatch(nowNs: number): void {
    this.batchNs = nowNs;
    const { connections, states } = this;
    connections.beginBatch((nowNs * 1e-6) | 0, states.draining);
    if (states.follow(connections.live)) this.maglev.fill(states.stateOf);
  }

  /** Rewrites the end that is to be rewritten, if any. @returns IPV4_ACCEPTED, or the answer that drops the frame. */
  private translate(bytes: Uint8Array, ip: number, nowMs: number): number {
    const protocol = ipv4Protocol(bytes, ip);
    if (protocol !== IP_PROTOCOL_TCP && protocol !== IP_PROTOCOL_UDP) return ACCEPTED;
    const toVirtual = ipv4Dst(bytes, ip) === this.virtualAddress;
    const source = ipv4Src(bytes, ip);
    if (ipv4IsFragment(bytes, ip)) return toVirtual || this.isBackend(source) ? FRAGMENT : ACCEPTED;
    const l4 = ip + ipv4HeaderBytes(bytes, ip);
    const least = protocol === IP_PROTOCOL_TCP ? TCP_HEADER_MIN_BYTES : UDP_HEADER_BYTES;
    if (ip + ipv4TotalBytes(bytes, ip) - l4 < least) return L4_HEADER_ERROR;
    const sourcePort = readU16(bytes, l4);
    if (toVirtual && readU16(bytes, l4 + 2) === this.virtualPort) {
      const backend = this.choose(source, portKey(sourcePort, protocol), nowMs);
      if (backend < 0) return NO_BACKEND;
      this.counts[TO_FIRST_BACKEND + backend]++;
      rewriteDestination(bytes, ip, this.backends[backend].address, this.backends[backend].port);
    } else if (this.backendOf.find(source, endpointKey(sourcePort)) !== ENDPOINT_ABSENT) {
      rewriteSource(bytes, ip, this.virtualAddress, this.virtualPort);
    }
    return ACCEPTED;
  }

  /** The backend of a client's connection, old or new; below zero when there is none. */
  private choose(address: number, key: number, nowMs: number): number {
    const { connections, counts } = this;
    let backend = connections.find(address, key, nowMs);
    if (backend !== NO_CONNECTION && this.states.stateOf[backend] === OUT) {
      connections.remove(address, key);
      counts[MOVED]++;
      backend = NO_CONNECTION;
    }
    if (backend === NO_CONNECTION) {
      backend = this.maglev.lookup(hashEndpoint(address, key));
      // A full table leaves the connection to consistent hashing alone.
      if (backend >= 0 && !connections.add(address, key, backend, nowMs)) counts[UNTRACKED]++;
      counts[CREATED] = connections.created;
      counts[EXPIRED] = connections.expired;
    }
    return backend;
  }

  private isBackend(address: number): boolean {
    const backends = this.backends;
    for (let i = 0; i < backends.length; i++) if (backends[i].address === address) return true;
    return false;
  }
}

/** Key of a backend's endpoint, which is its own for TCP and for UDP. */
function endpointKey(port: number): number {
  return portKey(port, IP_PROTOCOL_UDP);
}

export const LOAD_BALANCER: BuiltInFunction<'load-balancer', LoadBalancerConfig> = {
  kind: 'load-balancer',
  counters: (config) => ({ drops: LOAD_BALANCER_DROPS, events: loadBalancerEvents(config) }),
  create: (memory, config) => new LoadBalancer(memory, config),
};
