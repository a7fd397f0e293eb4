/** What a draft refuses: plans whose stages ran in a wrong order. */
import { expect, test } from 'vitest';
import { PlanDraft } from '../../../src/plan/draft.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';

test('a pool that comes after the slots of its host were reserved is refused', () => {
  const draft = new PlanDraft(loadScenario('livelock'), 1514);
  const arena = draft.arena('host');
  draft.slots.addPool(64);
  draft.slotMemory(arena);
  expect(draft.finish([], []).slotMemories).toHaveLength(1);
  draft.slots.addPool(64);
  expect(() => draft.finish([], [])).toThrow('pool 1 was added after the slots of its host had been reserved');
});
