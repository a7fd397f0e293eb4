/** Sets up a vhost device through its ioctls, as a VMM does. */
import type { VhostGuestLink } from '../../actors/host/vhost-links.ts';
import type { Memory } from '../../src/memory/arena.ts';
import type { FeatureSet } from '../../src/virtio/net/features.ts';
import type { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import type { SplitDriverQueue } from '../../src/virtio/ring/split-driver.ts';
import { Transcript } from '../../src/virtio/pci/transcript.ts';
import { VhostMailboxClient } from '../../src/virtio/vhost/vhost-mailbox.ts';
import { VhostSetup } from '../../src/virtio/pci/vmm-setup.ts';

/** @param serve polls the worker once. */
export function setUpVhost(
  memory: Memory,
  link: VhostGuestLink,
  guest: GuestMemory,
  queues: readonly SplitDriverQueue[],
  accepted: FeatureSet,
  serve: () => void,
): void {
  const setup = new VhostSetup(new VhostMailboxClient(memory.words(link.mailbox), 0), 'vhost', new Transcript());
  const finish = (): void => {
    for (let turn = 0; setup.step() === 'busy'; turn++) {
      serve();
      if (turn > 100) throw new Error('set-up does not end');
    }
    if (setup.failure !== null) throw new Error(setup.failure);
  };
  setup.init();
  finish();
  setup.start({
    accepted,
    regions: [{ addr: 0, sizeBytes: guest.sizeBytes }],
    rings: queues.map(({ layout }, index) => ({ layout, base: 0, kick: index, call: queues.length + index })),
    backend: 0,
  });
  finish();
}
