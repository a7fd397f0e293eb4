/**
 * How fine the net of the models is: each shared-memory mechanism with one small fault in its source at a time, which
 * the explorer has to find. A fault that does no harm stands in HARMLESS with the reason.
 */
import { afterAll, describe, expect, test } from 'vitest';
import type { FeatureSet } from '../../src/virtio/net/features.ts';
import { featureSet, NO_FEATURES, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED } from '../../src/virtio/net/features.ts';
import type * as Models from '../support/every-model.ts';
import type { Model } from '../support/interleaving.ts';
import type { Mutant } from '../support/mutants.ts';
import { modelsWith, mutantsOf } from '../support/mutants.ts';

type Make = (models: typeof Models) => Model;

/** A sound mechanism of these sizes comes to rest within 130,000 states and 100 accesses a thread. */
const LIMITS = { states: 200_000, accesses: 200 };

const ring: Make = (m) => m.ringModel({ ids: 4, batch: 2, start: -2 });
const bell: Make = (m) => m.doorbellModel({ ringers: 1, events: 2 });
const pollList: Make = (m) => m.pollListModel({ numbers: [1], frames: 2 });

const split = sleepers(NO_FEATURES, featureSet(VIRTIO_F_EVENT_IDX));
const packed = sleepers(featureSet(VIRTIO_F_RING_PACKED), featureSet(VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX));

/** One chain first, which finds most; two, for what only a second sleep shows. */
function sleepers(...kinds: FeatureSet[]): Make[] {
  return [1, 2].flatMap((chains) =>
    kinds.map(
      (features): Make =>
        (m) =>
          m.virtqueueSleepModel({ queueSize: 1, chains, startIdx: 0xffff, features }),
    ),
  );
}

const MECHANISMS: [string, Make[]][] = [
  ['src/memory/id-ring.ts', [ring, pollList, bell]],
  ['src/memory/doorbell.ts', [bell, (m) => m.eventModel({ events: 2 })]],
  ['src/memory/pending-queue.ts', [pollList]],
  ['src/memory/shared-set.ts', [(m) => m.returnsModel({ batches: [[0, 1, 40], [2]], takes: 2 })]],
  ['src/memory/magazine.ts', [(m) => m.magazineModel({ threads: 2, entries: 3 })]],
  ['src/memory/spin-lock.ts', [(m) => m.lockModel({ threads: 2, rounds: 2 })]],
  ['src/kernel/softirq-line.ts', [(m) => m.softirqLineModel({ raisers: 2 })]],
  ['src/kernel/interrupt-line.ts', [(m) => m.interruptModel({ frames: 2 })]],
  ['src/kernel/port-mask.ts', [(m) => m.feedbackModel({ frames: 2, highMark: 1 })]],
  ['src/virtio/ring/split-driver.ts', split],
  ['src/virtio/ring/split-device.ts', split],
  ['src/virtio/ring/packed-driver.ts', packed],
  ['src/virtio/ring/packed-device.ts', packed],
];

/** Faults that no order of steps can show, by what their names match, and why. */
const HARMLESS: [RegExp, string][] = [
  [/^Doorbell\.unpark: .*left out/, 'an awake thread is rung: a wake-up for nothing'],
  [/^Doorbell\.wait: Atomics\.store.*left out/, 'whoever rang has stored it; it is for a sleep that timed out'],
  [/^Doorbell\.parked/, 'for the host that schedules by itself'],
  [/^SpinLock\.taken/, 'nobody enters by it'],
  [/^PortMask\.masked/, 'for the card and softirq, whose part the runs on the virtual host are'],
  [/^SoftirqRaiser\.deferred/, 'for threads that are to enter or to tick'],
  [/^SoftirqLine\.undefer/, 'a thread that is itself again is lifted once more'],
  [/initialise: .*, after /, 'nobody else is at the ring yet'],
  [/start: .*, after /, 'nobody else is at the ring yet'],
  [/(initialise|start): .*([eE]vent|Flags).*left out/, 'each side says again what it wants before it sleeps'],
  [/disable(Notify|Callback): .*left out/, 'suppression is a hint: a kick or a call for nothing (VIRTIO 1.2, 2.7.7.1)'],
  [/should(Kick|Call): .*always true/, 'a kick or a call for nothing'],
];

const outcome = { found: 0, harmless: 0 };
const stale = new Set(HARMLESS);

async function foundIn(mutant: Mutant, makes: readonly Make[]): Promise<boolean> {
  const models = await modelsWith(mutant);
  return makes.some((make) => {
    try {
      models.explore(make(models), LIMITS);
      return false;
    } catch {
      return true;
    }
  });
}

describe.each(MECHANISMS)('%s', (file, makes) => {
  test('as it is, holds', async () => {
    const [{ source }] = mutantsOf(file);
    const sound = { file, name: 'no fault', text: source, source };
    expect(await foundIn(sound, makes)).toBe(false);
  });

  test.each(mutantsOf(file).map((mutant): [string, Mutant] => [mutant.name, mutant]))('%s', async (name, mutant) => {
    const excuse = HARMLESS.find(([names]) => names.test(name));
    if (excuse !== undefined) {
      stale.delete(excuse);
      outcome.harmless++;
    } else outcome.found++;
    expect(await foundIn(mutant, makes)).toBe(excuse === undefined);
  });
});

test('every excuse is of a fault that is there', () => {
  expect([...stale].map(([names]) => names)).toEqual([]);
});

afterAll(() => {
  console.log(`${outcome.found} planted faults looked for, ${outcome.harmless} known to be harmless`);
});
