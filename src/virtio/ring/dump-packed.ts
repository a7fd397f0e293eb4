/** A packed virtqueue as text, for a person who debugs one. Reads the ring as it lies, trusting nothing in it. */
import { flagNames, hex } from './dump-vring.ts';
import type { GuestMemory } from '../guest/guest-memory.ts';
import * as layoutOf from './packed-layout.ts';
import type { PackedLayout } from './packed-layout.ts';

const EVENT_NAMES = ['enable', 'disable', 'descriptor', 'reserved'];

/**
 * Lines for the event suppression structures and the `entriesMax` descriptors before the next one the driver will
 * write, which is the first that carries the AVAIL flag of the lap before. The other side may be writing meanwhile.
 */
export function dumpPackedRing(memory: GuestMemory, layout: PackedLayout, entriesMax = 8): string {
  const { queueSize, descAddr, availAddr, usedAddr } = layout;
  const { i32 } = memory;
  const links = Array.from({ length: queueSize }, (_, slot) => Atomics.load(i32, (descAddr >> 2) + slot * 4 + 3));
  const laps = links.map((link) => (link & layoutOf.PACKED_AVAIL) !== 0);
  const edge = Math.max(
    0,
    laps.findIndex((lap) => lap !== laps[0]),
  );
  const lines = [
    `packed virtqueue, ${queueSize} entries: ring ${hex(descAddr)}, driver event ${hex(availAddr)},` +
      ` device event ${hex(usedAddr)}`,
    `driver event ${eventText(i32[availAddr >> 2])}`,
    `device event ${eventText(i32[usedAddr >> 2])}, next available ${edge} wrap ${laps[edge] ? 0 : 1}`,
  ];
  const shown = Math.min(entriesMax, queueSize);
  for (let back = shown; back > 0; back--) {
    const slot = (edge - back + queueSize) % queueSize;
    lines.push(`[${slot}] ${descriptorText(memory, descAddr, slot, links[slot])}`);
  }
  return lines.join('\n');
}

function eventText(event: number): string {
  const kind = EVENT_NAMES[(event & layoutOf.EVENT_FLAGS_MASK) >>> layoutOf.PACKED_FLAGS_SHIFT];
  const wrap = (event & layoutOf.EVENT_WRAP) === 0 ? 0 : 1;
  return kind === 'descriptor' ? `descriptor ${event & layoutOf.EVENT_OFFSET_MASK} wrap ${wrap}` : kind;
}

/** One descriptor: `id 3 available 0x1000+1526 WRITE`, or `id 3 used 72 bytes`. */
function descriptorText({ u32 }: GuestMemory, descAddr: number, slot: number, link: number): string {
  const word = (descAddr >> 2) + slot * 4;
  const id = `id ${link & layoutOf.PACKED_ID_MASK}`;
  const avail = (link & layoutOf.PACKED_AVAIL) !== 0;
  const lap = `lap ${avail ? 1 : 0}`;
  if (avail === ((link & layoutOf.PACKED_USED) !== 0)) return `${id} used in ${lap}, ${u32[word + 2]} bytes`;
  const high = u32[word + 1] === 0 ? '' : `${hex(u32[word + 1])}:`;
  return `${id} available in ${lap}, ${high}${hex(u32[word])}+${u32[word + 2]}${flagNames(link >>> 16)}`;
}
