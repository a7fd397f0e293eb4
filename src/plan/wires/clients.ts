/** The TCP clients of the plan: what one port's client is told, and how server and client agree. */
import type { NicWireLink } from '../../../actors/wire/nic/nic-links.ts';
import { CLIENT_COUNTERS, CLIENT_PORTS } from '../../../actors/wire/client-links.ts';
import { reserveHistogram } from '../../memory/histogram.ts';
import { parseCidr } from '../../net/wire/address.ts';
import { parseMac } from '../../net/wire/ethernet.ts';
import { connect } from '../draft.ts';
import type { DraftActor, PlanDraft } from '../draft.ts';
import type { ConnectionsSpec } from '../../scenario/scenario.ts';
import { isOfKind } from '../../scenario/function-kinds.ts';
import type { Scenario } from '../../scenario/scenario.ts';

/** Stations .10 to .249 of the wire's network: routers and servers have the addresses below. */
const FIRST_STATION = 10;
const STATIONS_COUNT = 240;
/** What clients and servers were given before. It protects nothing: everybody can read it here. */
export const PRE_SHARED_SECRET: readonly number[] = Array.from({ length: 32 }, (_, i) => i);

/** Configures a client, placed before instead of generator and sink, and connects it to the wire of its port. */
export function planClient(
  draft: PlanDraft,
  scenario: Scenario,
  connections: ConnectionsSpec,
  client: DraftActor,
  wire: NicWireLink,
): void {
  const spec = scenario.ports.find(({ name }) => name === connections.port);
  const vm = scenario.vms.find(({ nics }) => nics.some(({ name }) => name === connections.to));
  const nic = vm?.nics.find(({ name }) => name === connections.to);
  if (spec === undefined || vm === undefined || nic === undefined || !isOfKind(vm.nf, 'tcp', 'ended')) {
    throw new Error(`nobody listens at vNIC ${connections.to} for the connections of ${connections.port}`);
  }
  const { high, low } = parseMac(spec.mac);
  const server = parseMac(nic.mac);
  const throttle = draft.signals.reserve(16);
  const lateness = reserveHistogram(draft.metrics);
  const latency = reserveHistogram(draft.metrics);
  client.spec = {
    kind: 'client',
    config: {
      name: client.name,
      counters: draft.count(client, CLIENT_COUNTERS),
      latency,
      lateness,
      throttle,
      speedBps: spec.speedBps,
      macHigh: high,
      macLow: low,
      firstAddress: parseCidr(spec.network).address + FIRST_STATION,
      addressCount: STATIONS_COUNT,
      server: { macHigh: server.high, macLow: server.low, address: parseCidr(nic.ip).address, port: vm.nf.listenPort },
      connectionsMax: connections.max,
      requestBytes: vm.nf.requestBytes,
      responseBytes: vm.nf.responseBytes,
      tlsSecret: vm.nf.tls ? PRE_SHARED_SECRET : null,
      timeoutNs: connections.timeoutNs,
      seed: scenario.seed,
    },
  };
  // What the NIC receives is what the client sends.
  connect(client, CLIENT_PORTS.wire, { tx: wire.rx, rx: wire.tx });
  draft.clients.push({ name: connections.name, client: client.name, throttle, lateness, latency });
}
