import { expect, test } from 'vitest';
import { VLAN_NONE, carriedType, dropPriorityTag, insertTag, removeTag, vlanOf } from '../../../src/net/wire/vlan.ts';

/** A frame of 60 bytes that lies four bytes into its memory, and that memory. */
function cell(type = [0x08, 0x00]) {
  const bytes = new Uint8Array(128);
  const frame = Uint8Array.from({ length: 60 }, (_, i) => i + 1);
  frame.set(type, 12);
  bytes.set(frame, 4);
  return { bytes, words: new Int32Array(bytes.buffer), frame };
}

test('a tag goes between the addresses and the type, as IEEE 802.1Q lays it out', () => {
  const { bytes, words, frame } = cell();
  insertTag(words, 0, 0xabc);
  const tagged = [...frame.subarray(0, 12), 0x81, 0x00, 0x0a, 0xbc, ...frame.subarray(12)];
  expect([...bytes.subarray(0, 64)]).toEqual(tagged);
  expect(vlanOf(bytes, 0)).toBe(0xabc);
  expect(carriedType(bytes, 0)).toBe(0x0800);
});

test.each([1, 255, 256, 4094])('VLAN %d comes back, and the frame too when the tag is taken out', (vlan) => {
  const { bytes, words, frame } = cell();
  insertTag(words, 0, vlan);
  expect(vlanOf(bytes, 0)).toBe(vlan);
  removeTag(words, 0);
  expect(bytes.subarray(4, 64)).toEqual(frame);
});

test('a frame without a tag is in no VLAN', () => {
  const { bytes } = cell([0x08, 0x06]);
  expect(vlanOf(bytes, 4)).toBe(VLAN_NONE);
  expect(carriedType(bytes, 4)).toBe(0x0806);
});

test('priority bits are not part of the VLAN; a priority tag names none', () => {
  const { bytes } = cell([0x81, 0x00]);
  bytes.set([0xe0, 0x07], 18);
  expect(vlanOf(bytes, 4)).toBe(7);
  bytes.set([0xe0, 0x00], 18);
  expect(vlanOf(bytes, 4)).toBe(VLAN_NONE);
});

test('a priority tag is taken out, another one and a frame too short for one are left alone', () => {
  const { bytes, words, frame } = cell();
  insertTag(words, 0, 0xa000);
  expect(dropPriorityTag(bytes, 0, 64)).toBe(60);
  expect(bytes.subarray(0, 60)).toEqual(frame);
  expect(dropPriorityTag(bytes, 0, 60)).toBe(60);
  const other = cell();
  insertTag(other.words, 0, 0xa001);
  expect([dropPriorityTag(other.bytes, 0, 64), vlanOf(other.bytes, 0)]).toEqual([64, 1]);
  expect(dropPriorityTag(Uint8Array.from([...new Uint8Array(12), 0x81, 0, 0, 0, 9]), 0, 17)).toBe(17);
});
