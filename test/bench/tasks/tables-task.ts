/** What a look-up costs in tables of many entries: the bridge's forwarding database and the flow table. */
import { ETH_HEADER_BYTES } from '../../../src/net/wire/ethernet.ts';
import { Fdb } from '../../../src/net/tables/fdb.ts';
import { FlowTable } from '../../../src/net/tables/flow-table.ts';
import { IP_PROTOCOL_UDP, IPV4_PROTOCOL_BYTE, IPV4_SRC_BYTE } from '../../../src/net/wire/ipv4.ts';
import { writeU16, writeU32 } from '../../../src/net/wire/network-order.ts';
import { nowNs } from '../../../src/runtime/threads/clock.ts';
import type { BenchReport, TablesTask } from '../bench-task.ts';
import type { Stopwatch } from '../stopwatch.ts';

const FRAME_BYTES = 60;
const IPV4 = ETH_HEADER_BYTES;
const UDP = IPV4 + 20;
const SRC = 0xc612_000a | 0;
/** Prime to any power of two: visits every entry once, and never the neighbour of the last one. */
const STEP = 0x9e37_79b1;

export function measureTables({ entries, lookups }: TablesTask, watch: Stopwatch): BenchReport {
  watch.beginAlone();
  const fdb = new Fdb({ expectedEntries: entries });
  for (let i = 0; i < entries; i++) fdb.learn(0x5254, i, i % 1000, 0);
  const fdbNs = lookUpAddresses(fdb, entries, lookups);
  const flows = new FlowTable(entries);
  const frame = makeFrame();
  for (let i = 0; i < entries; i++) {
    setFlow(frame, i);
    flows.add(frame, 0, FRAME_BYTES);
  }
  if (flows.count !== entries) throw new Error(`${flows.count} flows of ${entries}`);
  const flowNs = lookUpFlows(flows, frame, entries, lookups);
  return watch.end({ fdbNs, flowNs });
}

function lookUpAddresses(fdb: Fdb, entries: number, lookups: number): number {
  const before = nowNs();
  let wrong = 0;
  for (let n = 0; n < lookups; n++) {
    const i = (Math.imul(n, STEP) >>> 0) % entries;
    if (fdb.lookup(0x5254, i, 1) !== i % 1000) wrong++;
  }
  if (wrong > 0) throw new Error(`${wrong} addresses not found`);
  return (nowNs() - before) / lookups;
}

/** Writing the flow into the frame included: some two nanoseconds. */
function lookUpFlows(flows: FlowTable, frame: Uint8Array, entries: number, lookups: number): number {
  const before = nowNs();
  let wrong = 0;
  for (let n = 0; n < lookups; n++) {
    const i = (Math.imul(n, STEP) >>> 0) % entries;
    setFlow(frame, i);
    if (flows.find(frame, 0, FRAME_BYTES) !== i) wrong++;
  }
  if (wrong > 0) throw new Error(`${wrong} flows not found`);
  return (nowNs() - before) / lookups;
}

function makeFrame(): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  frame[IPV4] = 0x45;
  writeU16(frame, IPV4 + 2, FRAME_BYTES - IPV4);
  frame[IPV4 + IPV4_PROTOCOL_BYTE] = IP_PROTOCOL_UDP;
  return frame;
}

/** As a generator numbers them: by source port, and then by address. */
function setFlow(frame: Uint8Array, flow: number): void {
  writeU32(frame, IPV4 + IPV4_SRC_BYTE, SRC + (flow >>> 16));
  writeU16(frame, UDP, flow);
}
