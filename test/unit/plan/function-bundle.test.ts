import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { NO_FRAMES } from '../../../actors/guest/network-functions/user-frames.ts';
import { createUserFunction, surveyUserFunction } from '../../../src/runtime/function-module.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { bundleFunctionModule } from '../../../src/plan/guest/function-bundle.ts';
import { loadScenario } from '../../../src/plan/load-scenario.ts';
import { Packet, ROUTING } from '../../support/packets.ts';

const folder = mkdtempSync(join(tmpdir(), 'vhostlab-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

function bundleOf(source: string) {
  const path = join(folder, 'own.ts');
  writeFileSync(path, source);
  return bundleFunctionModule(path);
}

describe('a module outside this program', () => {
  test('works beside its scenario, as the one that is shipped does', () => {
    for (const name of ['my-function.ts', 'my-function.yaml']) {
      copyFileSync(join(import.meta.dirname, '../../../scenarios', name), join(folder, name));
    }
    const scenario = loadScenario(join(folder, 'my-function.yaml'));
    expect(scenario.vms[0].nf).toMatchObject({ path: join(folder, 'my-function.ts') });
    const counters = buildPlan(scenario).threads.flatMap(({ actors }) => actors.flatMap((actor) => actor.counters));
    expect(counters.filter(({ name }) => name === 'nf_policed').length).toBe(2);
  });

  test('imports network functions and headers by names that hold everywhere', () => {
    const module = bundleOf(`
      import { dropped } from 'vhostlab/network-function';
      import { ipv4Ttl } from 'vhostlab/net/ipv4';
      import type { NetworkFunctionFactory } from 'vhostlab/user-function';
      const build: NetworkFunctionFactory = () => ({
        name: 'own', drops: [{ name: 'nf_old', reason: 'old' }],
        process: (bytes, offset) => (ipv4Ttl(bytes, offset + 14) < 9 ? dropped(0) : 1),
      });
      export default build;`);
    const guest = { ...ROUTING, vcpu: 0, vcpus: 1 };
    const config = { kind: 'module', ...guest, module, ...surveyUserFunction(module, guest) } as const;
    const nf = createUserFunction(config, NO_FRAMES);
    expect([new Packet({ ttl: 8 }).through(nf), new Packet({ ttl: 9 }).through(nf)]).toEqual(['nf_old', 'out by 1']);
  });

  test('that names a file which is not there is told these names', () => {
    const lost = () => bundleOf("import { IpForward } from '../actors/network-functions/ip-forward.ts';\nIpForward;");
    expect(lost).toThrow(/own\.ts:1:26: ERROR: Could not resolve "\.\.\/actors\/network-functions\/ip-forward\.ts"/);
    expect(lost).toThrow(/\nWhat is this program's own is imported as vhostlab\/ip-forward, vhostlab\/net\/ipv4 /);
    expect(() => bundleOf('export default (')).toThrow(/^it does not build: Build failed with 1 error:\n[^\n]*$/);
  });
});
