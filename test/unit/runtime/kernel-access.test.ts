import { expect, test } from 'vitest';
import { refusal } from '../../../src/cli/own-namespaces.ts';
import { describeAccess, kernelAdvice } from '../../../src/cli/doctor.ts';
import { forbiddingSettings, isPrivileged, readStanding } from '../../../src/runtime/kernel/access.ts';

const standing = (capabilities: string) => readStanding(`Name:\tnode\nCapEff:\t${capabilities}\nSeccomp:\t0\n`);

test('devices and namespaces take CAP_NET_ADMIN and CAP_SYS_ADMIN, both', () => {
  expect(isPrivileged(standing('000001ffffffffff'))).toBe(true);
  expect(isPrivileged(standing('0000000000201000'))).toBe(true);
  expect(isPrivileged(standing('0000000000200000'))).toBe(false);
  expect(isPrivileged(standing('0000000000001000'))).toBe(false);
  // What docker gives to root, all but these.
  expect(isPrivileged(standing('00000000a80425fb'))).toBe(false);
});

test('names the settings that forbid namespaces, and only those', () => {
  const set: Record<string, string> = {
    'user.max_user_namespaces': '96365',
    'kernel.unprivileged_userns_clone': '1',
    'kernel.apparmor_restrict_unprivileged_userns': '1',
  };
  expect(forbiddingSettings((name) => set[name] ?? null)).toEqual([
    'kernel.apparmor_restrict_unprivileged_userns is 1',
  ]);
  expect(forbiddingSettings((name) => (name === 'user.max_net_namespaces' ? '0' : null))).toEqual([
    'user.max_net_namespaces is 0',
  ]);
});

test('a refusal tells what was said, by which setting, and in a container the flags', () => {
  const access = { way: 'none', steers: false, said: 'EPERM', forbiddenBy: ['user.max_user_namespaces is 0'] } as const;
  expect(refusal(access, false)).not.toContain('--device');
  expect(refusal(access, true)).toContain('--cap-add NET_ADMIN');
  expect(describeAccess(access)).toBe('kernel host: no, EPERM; user.max_user_namespaces is 0');
  expect(kernelAdvice(access, true).join('\n')).toContain('--device /dev/net/tun');
  expect(kernelAdvice({ ...access, way: 'as it is', steers: true }, true)).toEqual([]);
});
