import { describe, expect, it } from 'vitest';
import type { GuestContext } from '../../../actors/guest/network-functions/user-function.ts';
import { surveyUserFunction } from '../../../src/runtime/function-module.ts';

const GUEST = { vcpu: 0, vcpus: 1 } as GuestContext;

function survey(code: string) {
  const sourceMap = JSON.stringify({ version: 3, sources: [], names: [], mappings: '' });
  return surveyUserFunction({ path: '/tmp/mine.ts', code, sourceMap }, GUEST);
}

describe('a module that would take the run along', () => {
  it.each(['exit', 'abort', 'kill'])('may not process.%s(), neither when it is loaded nor when it is built', (way) => {
    const call = `process.${way}(0)`;
    const message = `process.${way}() would end the whole run: throw instead`;
    expect(() => survey(call)).toThrow(`it throws when it is loaded: Error: ${message}`);
    expect(() => survey(`exports.default = () => ${call}`)).toThrow(`it throws when it is built: Error: ${message}`);
  });

  it('finds the process otherwise as it is', () => {
    const code = `exports.default = () => ({ name: process.version, drops: [], process: () => 0, events: [] })`;
    expect(survey(code).counters.events).toEqual([]);
    expect(() => survey('if (process.pid > 0 && process.env.PATH) throw new Error("seen")')).toThrow('seen');
  });

  it('may not take for ever to be built', () => {
    expect(() => survey('exports.default = () => { for (;;); }')).toThrow(
      'loading and building it did not return within 5 s',
    );
  });
});
