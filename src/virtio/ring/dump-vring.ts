/** A split virtqueue as text, for a person who debugs one. Reads the ring as it lies, trusting nothing in it. */
import type { GuestMemory } from '../guest/guest-memory.ts';
import {
  availEventByte,
  AVAIL_IDX_BYTE,
  AVAIL_RING_BYTE,
  DESC_F_INDIRECT,
  DESC_F_NEXT,
  DESC_F_WRITE,
  USED_IDX_BYTE,
  USED_RING_BYTE,
  usedEventByte,
} from './split-layout.ts';
import type { SplitLayout } from './split-layout.ts';

/**
 * Lines for the two rings' heads, the `entriesMax` newest entries of each, and the chains they name. The other side may
 * be writing, so entries can be newer than the index above them.
 */
export function dumpVring(memory: GuestMemory, layout: SplitLayout, entriesMax = 8): string {
  const { queueSize, descAddr, availAddr, usedAddr } = layout;
  const { u16, i32 } = memory;
  const availIdx = Atomics.load(u16, (availAddr + AVAIL_IDX_BYTE) >> 1);
  const usedIdx = Atomics.load(u16, (usedAddr + USED_IDX_BYTE) >> 1);
  const half = (addr: number): number => u16[addr >> 1];
  const lines = [
    `split virtqueue, ${queueSize} entries: desc ${hex(descAddr)}, avail ${hex(availAddr)}, used ${hex(usedAddr)}`,
    `avail flags ${half(availAddr)} idx ${availIdx} used_event ${half(availAddr + usedEventByte(queueSize))}`,
    `used  flags ${half(usedAddr)} idx ${usedIdx} avail_event ${half(usedAddr + availEventByte(queueSize))}` +
      `, ${(availIdx - usedIdx) & 0xffff} chains with the device`,
  ];
  const shown = Math.min(entriesMax, queueSize);
  for (let back = shown; back > 0; back--) {
    const slot = (availIdx - back) & (queueSize - 1);
    const head = half(availAddr + AVAIL_RING_BYTE + slot * 2);
    lines.push(`avail[${slot}] head ${head}: ${dumpChain(memory, layout, head)}`);
  }
  for (let back = shown; back > 0; back--) {
    const slot = (usedIdx - back) & (queueSize - 1);
    const word = ((usedAddr + USED_RING_BYTE) >> 2) + slot * 2;
    lines.push(`used[${slot}] id ${i32[word] >>> 0} len ${i32[word + 1] >>> 0}`);
  }
  return lines.join('\n');
}

/** One chain as `#3 0x1000+1526 WRITE -> #4 ...`, ended at the first fault. */
function dumpChain(memory: GuestMemory, layout: SplitLayout, head: number): string {
  const parts: string[] = [];
  let id = head;
  while (parts.length <= layout.queueSize) {
    if (id >= layout.queueSize) return [...parts, `#${id} out of range`].join(' -> ');
    const word = (layout.descAddr >> 2) + id * 4;
    const { i32, u32 } = memory;
    const flags = i32[word + 3] & 0xffff;
    const high = u32[word + 1] === 0 ? '' : `${hex(u32[word + 1])}:`;
    parts.push(`#${id} ${high}${hex(u32[word])}+${u32[word + 2]}${flagNames(flags)}`);
    if ((flags & DESC_F_NEXT) === 0) return parts.join(' -> ');
    id = i32[word + 3] >>> 16;
  }
  return `${parts.slice(0, 4).join(' -> ')} -> ... loops`;
}

/** The flags a descriptor of either format has, each behind a blank. */
export function flagNames(flags: number): string {
  return (
    ((flags & DESC_F_WRITE) === 0 ? '' : ' WRITE') +
    ((flags & DESC_F_INDIRECT) === 0 ? '' : ' INDIRECT') +
    ((flags & DESC_F_NEXT) === 0 ? '' : ' NEXT')
  );
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
