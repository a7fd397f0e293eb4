import { ETH_HEADER_BYTES } from '../../../src/net/wire/ethernet.ts';
import { IPV4_DST_BYTE, IPV4_SRC_BYTE, ipv4Protocol } from '../../../src/net/wire/ipv4.ts';
import { readI32, readU16 } from '../../../src/net/wire/network-order.ts';
import { NO_PORTS, PORTS_CUT_OFF, portsByte } from '../../../src/net/wire/transport.ts';
import type { RoutingConfig } from './ip-forward.ts';
import { IP_FORWARD_DROPS, IpForward } from './ip-forward.ts';
import { IPV4_ACCEPTED } from './ipv4-input.ts';
import type { BuiltInFunction, DropReason, NetworkFunction } from './network-function.ts';
import { dropped } from './network-function.ts';

const FIRST = IP_FORWARD_DROPS.length;
const TINY_FRAGMENT = dropped(FIRST);
const DENIED_BY_DEFAULT = dropped(FIRST + 1);
const FIRST_RULE = FIRST + 2;
const ACCEPTED = IPV4_ACCEPTED;

/* One rule is this many words of the table. */
const RULE_WORDS = 12;
const VERDICT = 0;
const PROTOCOL = 1;
const SRC_MASK = 2;
const SRC_PREFIX = 3;
const DST_MASK = 4;
const DST_PREFIX = 5;
const SRC_PORT_LOW = 6;
const SRC_PORT_HIGH = 7;
const DST_PORT_LOW = 8;
const DST_PORT_HIGH = 9;

const ANY_PROTOCOL = -1;
/** What stands for the ports of a packet that has none: within no range but that of a rule that names no ports. */
const WITHOUT_PORTS = -1;
const PORT_MAX = 0xffff;

/** Ports from `low` to `high`, both included. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** An IPv4 prefix; length 0 is any address. */
export interface AddressRange {
  readonly address: number;
  readonly prefixLength: number;
}

/** One rule: a packet that fits every part of it gets its action. */
export interface FirewallRule {
  readonly name: string;
  readonly allow: boolean;
  /** IP protocol number, or null for any. */
  readonly protocol: number | null;
  readonly source: AddressRange;
  readonly destination: AddressRange;
  /** Null: whatever its ports, and whether it has any. */
  readonly sourcePorts: PortRange | null;
  readonly destinationPorts: PortRange | null;
}

export interface FirewallConfig extends RoutingConfig {
  readonly kind: 'firewall';
  /** Tried in their order; the first that fits decides. */
  readonly rules: readonly FirewallRule[];
  /** What happens to a packet that no rule fits. */
  readonly allowByDefault: boolean;
}

/** Reasons of this rule set: denials are counted rule by rule. */
function firewallDrops({ rules }: FirewallConfig): readonly DropReason[] {
  return [
    ...IP_FORWARD_DROPS,
    { name: 'nf_tiny_fragment', reason: 'transport header cut off or overwritten by a fragment (RFC 1858)' },
    { name: 'nf_denied_default', reason: 'denied, since no rule fits' },
    ...rules
      .filter(({ allow }) => !allow)
      .map(({ name }) => ({ name: `nf_denied_${name}`, reason: `denied by rule ${name}` })),
  ];
}

/**
 * A stateless packet filter in front of the forwarding decision, as iptables' FORWARD chain: ordered rules, the first
 * that fits decides. A rule with ports fits TCP and UDP packets only, and no fragment but the first.
 */
export class Firewall implements NetworkFunction {
  readonly name = 'firewall';
  readonly drops: readonly DropReason[];
  private readonly router: IpForward;
  private readonly rules: Int32Array;
  private readonly byDefault: number;

  constructor(config: FirewallConfig) {
    this.drops = firewallDrops(config);
    this.router = new IpForward(config);
    this.byDefault = config.allowByDefault ? ACCEPTED : DENIED_BY_DEFAULT;
    this.rules = new Int32Array(config.rules.length * RULE_WORDS);
    let denials = 0;
    config.rules.forEach((rule, i) => {
      this.rules.set(ruleWords(rule, rule.allow ? ACCEPTED : dropped(FIRST_RULE + denials)), i * RULE_WORDS);
      if (!rule.allow) denials++;
    });
  }

  process(bytes: Uint8Array, offset: number, length: number, port: number): number {
    const router = this.router;
    const refused = router.accept(bytes, offset, length, port);
    if (refused !== ACCEPTED) return refused;
    const route = router.route(bytes, offset);
    if (route < 0) return route;
    const denied = this.judge(bytes, offset + ETH_HEADER_BYTES);
    return denied === ACCEPTED ? router.send(bytes, offset, route) : denied;
  }

  /** The first fitting rule's verdict on the packet at `ip`: IPV4_ACCEPTED, or the answer that drops it. */
  private judge(bytes: Uint8Array, ip: number): number {
    const rules = this.rules;
    const protocol = ipv4Protocol(bytes, ip);
    const source = readI32(bytes, ip + IPV4_SRC_BYTE);
    const destination = readI32(bytes, ip + IPV4_DST_BYTE);
    const ports = portsByte(bytes, ip);
    if (ports === PORTS_CUT_OFF) return TINY_FRAGMENT;
    const sourcePort = ports === NO_PORTS ? WITHOUT_PORTS : readU16(bytes, ports);
    const destinationPort = ports === NO_PORTS ? WITHOUT_PORTS : readU16(bytes, ports + 2);
    for (let rule = 0; rule < rules.length; rule += RULE_WORDS) {
      if (
        (rules[rule + PROTOCOL] === protocol || rules[rule + PROTOCOL] === ANY_PROTOCOL) &&
        (source & rules[rule + SRC_MASK]) === rules[rule + SRC_PREFIX] &&
        (destination & rules[rule + DST_MASK]) === rules[rule + DST_PREFIX] &&
        sourcePort >= rules[rule + SRC_PORT_LOW] &&
        sourcePort <= rules[rule + SRC_PORT_HIGH] &&
        destinationPort >= rules[rule + DST_PORT_LOW] &&
        destinationPort <= rules[rule + DST_PORT_HIGH]
      ) {
        return rules[rule + VERDICT];
      }
    }
    return this.byDefault;
  }
}

function ruleWords(rule: FirewallRule, verdict: number): Int32Array {
  const words = new Int32Array(RULE_WORDS);
  words[VERDICT] = verdict;
  words[PROTOCOL] = rule.protocol ?? ANY_PROTOCOL;
  words[SRC_MASK] = maskOf(rule.source);
  words[SRC_PREFIX] = rule.source.address & words[SRC_MASK];
  words[DST_MASK] = maskOf(rule.destination);
  words[DST_PREFIX] = rule.destination.address & words[DST_MASK];
  words[SRC_PORT_LOW] = rule.sourcePorts?.low ?? WITHOUT_PORTS;
  words[SRC_PORT_HIGH] = rule.sourcePorts?.high ?? PORT_MAX;
  words[DST_PORT_LOW] = rule.destinationPorts?.low ?? WITHOUT_PORTS;
  words[DST_PORT_HIGH] = rule.destinationPorts?.high ?? PORT_MAX;
  return words;
}

function maskOf({ prefixLength }: AddressRange): number {
  return prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
}

export const FIREWALL: BuiltInFunction<'firewall', FirewallConfig> = {
  kind: 'firewall',
  counters: (config) => ({ drops: firewallDrops(config) }),
  create: (_, config) => new Firewall(config),
};
