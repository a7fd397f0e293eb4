import { describe, expect, it } from 'vitest';
import { CONTEXT_BH_ENABLE, CONTEXT_INTERRUPT, CONTEXT_TICK } from '../../../src/kernel/softirq-line.ts';
import { Arena, Memory } from '../../../src/memory/arena.ts';
import { Doorbell, Ringer, noteWakes, reserveDoorbell, useParking } from '../../../src/memory/doorbell.ts';
import { Reschedule } from '../../../src/runtime/reschedule.ts';

/** What a rule says of visits that ticks begin, one after the other. */
function ticked(rule: Reschedule, ticks: number): boolean[] {
  return Array.from({ length: ticks }, () => {
    rule.begin(CONTEXT_TICK);
    return rule.wanted;
  });
}

describe('need_resched of a softirq CPU', () => {
  it.each([
    { sliceNs: 1.4e6, hz: 250, every: 1 },
    { sliceNs: 1.4e6, hz: 1000, every: 2 },
    { sliceNs: 3e6, hz: 1000, every: 3 },
    { sliceNs: 10e6, hz: 250, every: 3 },
    { sliceNs: 1, hz: 100, every: 1 },
  ])('a tick finds a slice of $sliceNs ns over every $every ticks at $hz Hz', ({ sliceNs, hz, every }) => {
    expect(ticked(new Reschedule(sliceNs, hz), 6)).toEqual([1, 2, 3, 4, 5, 6].map((tick) => tick % every === 0));
  });

  it('a device or the end of a transmission is no tick', () => {
    const rule = new Reschedule(1.4e6, 250);
    rule.begin(CONTEXT_INTERRUPT | CONTEXT_BH_ENABLE);
    expect(rule.wanted).toBe(false);
    rule.begin(CONTEXT_INTERRUPT | CONTEXT_TICK);
    expect(rule.wanted).toBe(true);
  });

  it('a thread of its CPU that it woke is to run next, until the visit is over', () => {
    const rule = new Reschedule(1.4e6, 250);
    rule.begin(CONTEXT_INTERRUPT);
    rule.woke();
    expect(rule.wanted).toBe(true);
    rule.begin(0);
    expect(rule.wanted).toBe(false);
  });
});

it('a thread hears of the sleepers that it wakes on its own core, and of no others', () => {
  const arena = new Arena('signals');
  const [here, there] = [reserveDoorbell(arena), reserveDoorbell(arena)];
  const memory = new Memory('a thread', [['signals', new SharedArrayBuffer(arena.bytes)]]);
  const before = useParking({ wait: () => undefined, wake: () => woken++ });
  let woken = 0;
  let noted = 0;
  noteWakes(new Set([here.offsetBytes]), () => noted++);
  for (const region of [there, here, here]) {
    new Doorbell(memory, region).park();
    new Ringer(memory, region).ring();
    new Ringer(memory, region).ring();
  }
  useParking(before);
  expect({ woken, noted }).toEqual({ woken: 3, noted: 2 });
});
