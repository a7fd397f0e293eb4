/** A client, a proxy and two servers, with a cable for each of the four ways between them. */
import { TcpProxy } from '../../actors/guest/network-functions/tcp-proxy.ts';
import type { TcpProxyConfig } from '../../actors/guest/network-functions/tcp-proxy.ts';
import { TcpTerminate } from '../../actors/guest/network-functions/tcp-terminate.ts';
import type { TcpTerminateConfig } from '../../actors/guest/network-functions/tcp-terminate.ts';
import { parseIpv4 } from '../../src/net/wire/address.ts';
import { ETH_HEADER_BYTES } from '../../src/net/wire/ethernet.ts';
import { writeMessage } from '../../src/net/tcp/exchange-message.ts';
import { ipv4Dst } from '../../src/net/wire/ipv4.ts';
import { ActorBed } from './actor-bed.ts';
import { ClientEnd, FAITHFUL, FunctionEnd } from './connection-bed.ts';
import type { Cable } from './connection-bed.ts';
import { TcpEnd } from './tcp-bed.ts';

export const REQUEST_BYTES = 300;
export const RESPONSE_BYTES = 5000;
const SCENARIO = `
host: { costs: none }
ports: [{ name: eth0 }]
bridges: [{ name: br0, ports: [eth0, tap0] }, { name: br1, ports: [tap1, tap2, tap3] }]
vms:
  - name: adc
    vcpus: 1
    nics: [{ name: out, tap: { name: tap0 } }, { name: in, ip: 10.0.0.1/24, tap: { name: tap1 } }]
    nf:
      kind: tcp-proxy
      requestBytes: ${REQUEST_BYTES}
      responseBytes: ${RESPONSE_BYTES}
      backends: [{ endpoint: '10.0.0.2:80' }, { endpoint: '10.0.0.3:80', weight: 3 }]
  - name: web0
    vcpus: 1
    nics: [{ name: in0, ip: 10.0.0.2/24, tap: { name: tap2 } }]
    nf: { kind: tcp-terminate, listenPort: 80, requestBytes: ${REQUEST_BYTES}, responseBytes: ${RESPONSE_BYTES} }
  - name: web1
    vcpus: 1
    nics: [{ name: in1, ip: 10.0.0.3/24, tap: { name: tap3 } }]
    nf: { kind: tcp-terminate, listenPort: 80, requestBytes: ${REQUEST_BYTES}, responseBytes: ${RESPONSE_BYTES} }
traffic:
  connections: [{ port: eth0, to: out, max: 64, timeout: 8s }]
`;
export const MS = 1e6;
export const OUTSIDE = 0;
export const INSIDE = 1;
export const WEB0 = parseIpv4('10.0.0.2');
export const WEB1 = parseIpv4('10.0.0.3');
interface Changes {
  readonly overrides?: readonly string[];
  readonly proxy?: Partial<TcpProxyConfig>;
  readonly servers?: Partial<TcpTerminateConfig>;
}

export class ProxyBed {
  readonly client: ClientEnd;
  readonly proxy: FunctionEnd<TcpProxy>;
  readonly servers: readonly FunctionEnd<TcpTerminate>[];
  nowNs = 1e9;
  clientToProxy: Cable = FAITHFUL;
  proxyToClient: Cable = FAITHFUL;
  proxyToServers: Cable = FAITHFUL;
  serversToProxy: Cable = FAITHFUL;

  constructor({ overrides = [], proxy = {}, servers = {} }: Changes = {}) {
    const bed = new ActorBed(overrides, SCENARIO);
    this.client = new ClientEnd(bed);
    const { spec } = bed.planOf('adc/vcpu0');
    if (spec.kind !== 'vcpu' || spec.config.nf.kind !== 'tcp-proxy') throw new Error('a proxying vCPU only');
    const config = { ...spec.config.nf, ...proxy };
    this.proxy = new FunctionEnd((context) => new TcpProxy(bed.memory, config, context));
    this.servers = ['web0/vcpu0', 'web1/vcpu0'].map((name) => {
      const server = bed.planOf(name).spec;
      if (server.kind !== 'vcpu' || server.config.nf.kind !== 'tcp-terminate')
        throw new Error('terminating servers only');
      const serverConfig = { ...server.config.nf, ...servers };
      return new FunctionEnd((context) => new TcpTerminate(serverConfig, context));
    });
  }

  offer(perSecond: number): void {
    this.client.offer(perSecond);
  }

  /** Lets time pass in steps of 100 us. */
  run(ms: number): this {
    for (let step = 0; step < 10 * ms; step++) {
      this.nowNs += MS / 10;
      for (const sent of this.client.poll(this.nowNs)) this.toProxy(sent, this.clientToProxy, OUTSIDE);
      for (const { frame: sent, port } of this.proxy.turn(this.nowNs)) {
        const frame = port === OUTSIDE ? this.proxyToClient(sent) : this.proxyToServers(sent);
        if (frame === null) continue;
        if (port === OUTSIDE) this.client.give(frame, this.nowNs);
        else this.servers[ipv4Dst(frame, ETH_HEADER_BYTES) === WEB0 ? 0 : 1].give(frame, this.nowNs);
      }
      for (const server of this.servers) {
        for (const { frame } of server.turn(this.nowNs)) this.toProxy(frame, this.serversToProxy, INSIDE);
      }
    }
    return this;
  }

  private toProxy(sent: Uint8Array, cable: Cable, port: number): void {
    const frame = cable(sent);
    if (frame !== null) this.proxy.give(frame, this.nowNs, port);
  }

  /** Offers that many connections, a millisecond apart. */
  connect(count: number): this {
    this.offer(1000);
    this.run(count + 0.5);
    this.offer(0);
    return this;
  }

  get counts(): Record<string, number> {
    return this.client.counts();
  }

  get proxied(): Record<string, number> {
    return this.proxy.events();
  }

  /** Requests that were sent on, and what became of them. */
  get balance(): { readonly asked: number; readonly settled: number } {
    const n = this.proxied;
    return {
      asked: n.tcp_to_backend0 + n.tcp_to_backend1,
      settled:
        n.tcp_proxied +
        n.tcp_abandoned +
        n.tcp_backend_refused +
        n.tcp_backend_reset +
        n.tcp_backend_expired +
        n.tcp_backend_bad_responses,
    };
  }
}

/** A client of our own making on the outside. */
export class RawClient {
  readonly end: TcpEnd;
  private readonly bed: ProxyBed;

  constructor(bed: ProxyBed) {
    this.bed = bed;
    this.end = new TcpEnd({ macs: [{ macHigh: 0x0200, macLow: 9 }] }, (frame) =>
      bed.proxy.give(frame, bed.nowNs, OUTSIDE),
    );
    bed.proxyToClient = (frame) => {
      this.end.endpoint.receive(frame, 0, 0, bed.nowNs);
      return null;
    };
  }

  connect(): void {
    const adc = { macHigh: 0x5254, macLow: 1, networkPort: 0 };
    this.end.endpoint.connect(parseIpv4('198.18.0.77'), 5000, parseIpv4('198.18.0.1'), 443, adc, this.bed.nowNs);
  }

  ask(magic: number): void {
    const request = new Uint8Array(REQUEST_BYTES);
    writeMessage(request, REQUEST_BYTES, magic, 7);
    this.end.endpoint.sender.write(0, request, 0, REQUEST_BYTES);
  }
}
