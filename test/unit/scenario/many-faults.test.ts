import { expect, it, vi } from 'vitest';
import { parseScenario } from '../../../src/plan/load-scenario.ts';
import { scenarioJsonSchema } from '../../../src/scenario/keys/schema.ts';

vi.mock('../../../src/scenario/keys/schema.ts', { spy: true });

it('a file of nothing but faults is read in one look at the schema, however many keys it does not know', () => {
  const text = Array.from({ length: 2000 }, (_, i) => `key${i}: ${i}`).join('\n');
  expect(() => parseScenario(text, 'x.yaml')).toThrow(
    /^x\.yaml:1:1: unknown key "key0".*\n(.*\n){1998}x\.yaml:2000:1: /,
  );
  expect(vi.mocked(scenarioJsonSchema)).toHaveBeenCalledTimes(1);
});
