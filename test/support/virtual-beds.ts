import { openTrialPool } from '../../src/experiment/bed/trial-pool.ts';
import type { TrialPool } from '../../src/experiment/bed/trial-pool.ts';
import { VirtualBed } from '../../src/experiment/bed/virtual-bed.ts';
import type { SweepVariant } from '../../src/experiment/sweep/variants.ts';

const here = await openTrialPool(1);

/** A bed on virtual time whose trials this thread makes, one after another, unless a pool is given. */
export function openVirtualBed(variant: SweepVariant, pool: TrialPool = here): Promise<VirtualBed> {
  return Promise.resolve(new VirtualBed(variant, pool));
}
