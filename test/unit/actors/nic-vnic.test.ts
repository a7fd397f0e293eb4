import { describe, expect, test } from 'vitest';
import type { Nic } from '../../../actors/wire/nic/nic.ts';
import { WireSender } from '../../../src/memory/wire-ring.ts';
import { NET_HEADER_BYTES } from '../../../src/virtio/net/net-header.ts';
import { AcceleratedBed } from '../../support/accelerated-bed.ts';
import { ethernet } from '../../support/actor-bed.ts';

const SRC = '02:00:00:00:00:02';

/** A card in front of an accelerated vNIC whose guest posted so many buffers. */
function bench(provider: 'dpaa' | 'sriov', buffers: number, frameBytes = 100) {
  const v = new AcceleratedBed(provider, 0);
  const nic = v.bed.create<Nic>('eth0');
  const wire = new WireSender(v.bed.memory, v.bed.wires.in);
  v.post(buffers, NET_HEADER_BYTES + frameBytes);
  v.drain();
  const [vm] = v.bed.scenario.vms;
  const receive = (lengths: readonly number[]): void => {
    for (const length of lengths) {
      wire.bytes.set(ethernet(vm.nics[0].mac, SRC, length), wire.frameByte());
      wire.send(length, 0, 0);
    }
    wire.publish();
    nic.poll(64, 0);
  };
  return { v, nic, receive };
}

describe.each(['dpaa', 'sriov'] as const)('a frame for a vNIC with %s queues', (provider) => {
  test('that is longer than the buffer posted for it is dropped for its length and takes no buffer', () => {
    const { v, nic, receive } = bench(provider, 2);
    receive([101, 100, 101, 60]);
    expect(v.bed.counts(nic)).toMatchObject({ rx_packets: 4, rx_to_guest: 2, rx_length_errors: 2 });
    expect(v.bed.counts(nic)).not.toHaveProperty('rx_pool_depleted');
    v.drain();
    expect(v.used(v.rx)).toBe(2);
    expect(v.bed.held(nic)).toBe(0);
  });

  test("that is longer than the port's MTU and a VLAN tag allow is dropped as it would be for the host", () => {
    const { v, nic, receive } = bench(provider, 1, 1600);
    receive([1519, 1518]);
    expect(v.bed.counts(nic)).toMatchObject({ rx_packets: 2, rx_to_guest: 1, rx_length_errors: 1 });
    expect(v.bed.counts(nic)).not.toHaveProperty('rx_pool_depleted');
  });

  test('that finds no buffer is dropped for that, whatever its length', () => {
    const { v, nic, receive } = bench(provider, 1);
    receive([60, 60, 101]);
    expect(v.bed.counts(nic)).toMatchObject({ rx_to_guest: 1, rx_pool_depleted: 2 });
    expect(v.bed.counts(nic)).not.toHaveProperty('rx_length_errors');
  });
});
