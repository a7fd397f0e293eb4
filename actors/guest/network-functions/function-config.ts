/** Every network function that a guest can run, by the configuration that the plan gives one vCPU. */
import type { Memory } from '../../../src/memory/arena.ts';
import type { FirewallConfig } from './firewall.ts';
import type { IpForwardConfig } from './ip-forward.ts';
import type { LoadBalancerConfig } from './load-balancer.ts';
import type { Nat44Config } from './nat44.ts';
import type { FunctionContext, NetworkFunction } from './network-function.ts';
import type { ServerConfig } from './server.ts';
import type { TcpProxyConfig } from './tcp-proxy.ts';
import type { TcpTerminateConfig } from './tcp-terminate.ts';
import type { UserFunctionConfig } from './user-function.ts';

/** What the plan says of the function one vCPU runs. */
export type NetworkFunctionConfig =
  | IpForwardConfig
  | FirewallConfig
  | ServerConfig
  | Nat44Config
  | LoadBalancerConfig
  | TcpTerminateConfig
  | TcpProxyConfig
  | UserFunctionConfig;

/** Builds a vCPU's own instance, on the thread that will run it. */
export type FunctionFactory = (
  memory: Memory,
  config: NetworkFunctionConfig,
  context: FunctionContext,
) => NetworkFunction;

/** What a frame that ends at a TCP endpoint takes more, a share of its connection included: 256 bytes in, 1,024 out. */
const TCP_FRAME_NS = 2_800;
/** And with a TLS record each way, most of it for the connection's keys. */
export const TLS_FRAME_NS = 16_000;
/** Of the seven frames a proxy has of a connection four come from the client, with the TLS; three from the server. */
const PROXY_TLS_SHARE = 4 / 7;

/** CPU time that a frame takes more in this function than one that is forwarded, ns; measured. */
export function functionFrameNs(config: NetworkFunctionConfig): number {
  switch (config.kind) {
    case 'ip-forward':
    case 'firewall':
    case 'server':
    case 'nat44':
    case 'load-balancer':
    case 'module':
      return 0;
    case 'tcp-terminate':
      return tcpFrameNs(config, 1);
    case 'tcp-proxy':
      return tcpFrameNs(config, PROXY_TLS_SHARE);
  }
}

function tcpFrameNs({ tlsSecret }: TcpTerminateConfig | TcpProxyConfig, tlsShare: number): number {
  return TCP_FRAME_NS + (tlsSecret === null ? 0 : TLS_FRAME_NS * tlsShare);
}
