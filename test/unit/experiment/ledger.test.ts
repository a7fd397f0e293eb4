import { beforeEach, describe, expect, it } from 'vitest';
import { takeLedger } from '../../../src/experiment/judge/ledger.ts';
import { IdRingProducer } from '../../../src/memory/id-ring.ts';
import { WireSender } from '../../../src/memory/wire-ring.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { StillHost } from '../../support/still-host.ts';

const plan = buildPlan(loadScenario('kvm-forum-2014'));

/** Of the plan's pools: every slot there is. */
const SLOTS = plan.pools.reduce((sum, { slots }) => sum + slots, 0);

describe('ledger', () => {
  let host: StillHost;
  beforeEach(() => {
    host = new StillHost(plan);
    host.countPassage(1000);
  });

  const faults = async (): Promise<string> => (await takeLedger(host)).faults.join('\n');

  /** Moves one held slot into a ring. */
  const putInRing = (name: string): number => {
    const id = host.slots.pop()!;
    const ring = new IdRingProducer(host.memory, plan.rings.find((each) => each.name === name)!.ring);
    ring.put(id);
    ring.publish();
    return id;
  };

  it('balances when every frame arrived and every buffer is at rest', async () => {
    expect(await takeLedger(host)).toEqual({
      balanced: true,
      sentFrames: 1000,
      copiedFrames: 0,
      receivedFrames: 1000,
      consumedFrames: 0,
      droppedFrames: 0,
      unexplainedFrames: 0,
      inFlightFrames: 0,
      inFlight: [],
      slots: { total: SLOTS, foundOnce: SLOTS },
      guestBuffers: [{ vm: 'vm0', total: plan.guests[0].addresses.length, foundOnce: plan.guests[0].addresses.length }],
      faults: [],
    });
  });

  it('counts drops, copies, and frames in rings, on wires and in guests', async () => {
    // Five more leave the generator: one on the wire, one in a ring, one in the guest, one dropped with its copy at
    // br0.
    host.count('generator-eth0', 'tx_packets', 4);
    host.count('generator-eth0', 'tx_eth0-to-eth1', 4);
    const wire = new WireSender(host.memory, plan.wires.find(({ name }) => name === 'eth0.wire-in')!.wire);
    wire.send(60, 0, 0);
    wire.publish();
    for (const counter of ['rx_packets', 'rx_to_host']) host.count('eth0', counter, 3);
    putInRing('eth0.rx');
    for (const counter of ['rx_packets', 'rx_to_bridge']) host.count('softirq0', counter, 2);
    host.count('br0', 'rx_packets', 2);
    host.count('br0', 'flood_copies', 1);
    host.count('br0', 'drop_tx_queue_full', 2);
    host.count('br0', 'tx_packets', 1);
    for (const counter of ['tx_packets', 'tx_queued']) host.count('tap0', counter, 1);
    for (const counter of ['rx_packets', 'rx_to_guest']) host.count('vhost-vnic0', counter, 1);
    host.frames = 1;
    const ledger = await takeLedger(host);
    expect(ledger.faults).toEqual([]);
    expect(ledger).toMatchObject({ sentFrames: 1004, copiedFrames: 1, receivedFrames: 1000, droppedFrames: 2 });
    expect(ledger.inFlight).toEqual([
      { where: 'eth0.rx', frames: 1 },
      { where: 'eth0.wire-in', frames: 1 },
      { where: 'guests, virtqueues included', frames: 1 },
    ]);
  });

  it('finds slots in rings of empty buffers too', async () => {
    putInRing('eth1.rx-free');
    expect(await faults()).toBe('');
  });

  it('names a slot that is lost', async () => {
    host.slots.splice(host.slots.indexOf(77), 1);
    expect(await faults()).toBe('slot lost: 1 in all, 77');
  });

  it('names a slot that is in two places, and both places', async () => {
    const id = putInRing('eth0.rx-free');
    host.slots.push(id);
    expect(await faults()).toBe(`slot found more than once: 1 in all, ${id} (held by actors, eth0.rx-free)`);
  });

  it('names a slot that does not exist', async () => {
    host.slots.push(999_999);
    expect(await faults()).toBe('slot found that does not exist: 1 in all, 999999 (held by actors)');
  });

  it('names only the first of many lost slots', async () => {
    host.slots.splice(0, 100);
    expect(await faults()).toBe('slot lost: 100 in all, the first 0, 1, 2, 3, 4');
  });

  it('names a guest buffer that is lost', async () => {
    const { depot, addresses } = plan.guests[0];
    const words = host.memory.words(depot);
    const lost = words[words.indexOf(addresses[5])];
    words[words.indexOf(lost)] = addresses[6];
    expect(await faults()).toBe(
      [
        `buffer of vm0 lost: 1 in all, ${lost}`,
        `buffer of vm0 found more than once: 1 in all, ${addresses[6]} (vm0's depot, vm0's depot)`,
      ].join('\n'),
    );
  });

  it('names a guest buffer that is held and in the depot', async () => {
    const [address] = plan.guests[0].addresses;
    host.guestBuffers = [{ vm: 'vm0', addresses: [address] }];
    expect(await faults()).toBe(`buffer of vm0 found more than once: 1 in all, ${address} (held by vm0, vm0's depot)`);
  });

  it('says where a frame went missing', async () => {
    host.count('tap0', 'tx_queued', -1);
    expect(await faults()).toBe('tap0 does not balance: 1000 in + 0 copies, 999 out + 0 dropped');
  });

  it('says which direction of a component miscounted', async () => {
    host.count('softirq0', 'backlog_to_bridge', 3);
    expect(await faults()).toBe('softirq0 backlog does not balance: 1000 in + 0 copies, 1003 out + 0 dropped');
  });

  it('counts a frame that was sent and is nowhere', async () => {
    host.count('generator-eth0', 'tx_packets', 1);
    host.count('generator-eth0', 'tx_eth0-to-eth1', 1);
    expect(await faults()).toBe(
      '1 frames are unaccounted for: 1001 sent + 0 copies, against 1000 received + 0 consumed + 0 dropped + 0 in flight',
    );
  });

  it('counts a frame that came from nowhere', async () => {
    host.count('sink-eth1', 'rx_packets', 2);
    host.count('sink-eth1', 'rx_duplicate', 2);
    expect(await faults()).toBe(
      '2 frames came from nowhere: 1000 sent + 0 copies, against 1002 received + 0 consumed + 0 dropped + 0 in flight',
    );
  });

  it('finds a frame that a guest kept', async () => {
    host.count('vhost-vnic1', 'tx_packets', -1);
    host.count('vhost-vnic1', 'tx_to_stack', -1);
    expect(await faults()).toBe(
      'guests do not balance: 1000 frames entered, 0 began there, 999 left, 0 ended there, 0 were dropped, 0 found inside',
    );
  });

  it('wants every received frame attributed', async () => {
    host.count('sink-eth1', 'rx_eth0-to-eth1', -1);
    expect(await faults()).toBe('sink-eth1 counted 1000 frames and attributed 999');
    host.count('sink-eth1', 'rx_corrupt', 1);
    expect(await faults()).toBe('');
  });
});
