/** A NAT's instances on the vCPUs of one guest, over one guest memory. */
import { reserveMappings } from '../../actors/guest/network-functions/nat-mappings.ts';
import { Nat44 } from '../../actors/guest/network-functions/nat44.ts';
import type { Nat44Config } from '../../actors/guest/network-functions/nat44.ts';
import { Arena, Memory } from '../../src/memory/arena.ts';
import type { Region } from '../../src/memory/arena.ts';
import { parseIpv4 } from '../../src/net/wire/address.ts';
import { ROUTING } from './packets.ts';

export class NatBed {
  readonly memory: Memory;
  readonly mappings: Region;
  private readonly config: Omit<Nat44Config, 'share'>;

  /** 64 ports from 2000 on of 192.0.2.64, vNIC 1 outside, and the timeouts of the RFCs unless told otherwise. */
  constructor(config: Partial<Nat44Config> = {}) {
    const pool = config.pool ?? { firstAddress: parseIpv4('192.0.2.64'), addresses: 1, firstPort: 2000, ports: 64 };
    const arena = new Arena('guest');
    this.mappings = reserveMappings(arena, pool);
    this.memory = new Memory('the test', [['guest', new SharedArrayBuffer(arena.bytes)]]);
    this.config = {
      kind: 'nat44',
      ...ROUTING,
      outside: 1,
      timeouts: { udpMs: 300_000, tcpEstablishedMs: 7_440_000, tcpTransitoryMs: 240_000, icmpMs: 60_000 },
      ...config,
      pool,
      mappings: this.mappings,
    };
  }

  /** The instance of a vCPU that has block `index` of `of`, or, with null, serves the outside only. */
  nat(index: number | null, of: number): Nat44 {
    return new Nat44(this.memory, { ...this.config, share: index === null ? null : { index, of } });
  }
}
