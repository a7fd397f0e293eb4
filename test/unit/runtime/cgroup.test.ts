import { describe, expect, it } from 'vitest';
import type { ReadText } from '../../../src/runtime/os/cgroup.ts';
import { cpuQuotaCores, readThrottling } from '../../../src/runtime/os/cgroup.ts';

const V1 = '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n';
const V2 = '26 25 0:23 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';
const reader =
  (files: Readonly<Record<string, string>>): ReadText =>
  (path) =>
    files[path] ?? null;

describe('the quota of a cgroup', () => {
  it('is that of version 2, of whichever ancestor is tightest', () => {
    const read = reader({
      '/proc/self/mountinfo': V2,
      '/proc/self/cgroup': '0::/user.slice/run\n',
      '/sys/fs/cgroup/user.slice/run/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/user.slice/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/user.slice/run/cpu.stat': 'usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n',
      '/sys/fs/cgroup/user.slice/cpu.stat': 'usage_usec 9\nnr_periods 91\nnr_throttled 76\nthrottled_usec 2500000\n',
    });
    expect(cpuQuotaCores(read)).toBe(1.5);
    expect(readThrottling(read)).toEqual({ periods: 91, throttledPeriods: 76, throttledNs: 2.5e9 });
  });

  it('is that of version 1 where the cpu controller is there, below the part of it that is mounted', () => {
    const read = reader({
      '/proc/self/mountinfo': V1.replace('0:29 / ', '0:29 /docker/abc '),
      '/proc/self/cgroup': '4:cpu,cpuacct:/docker/abc/run\n1:name=systemd:/\n0::/\n',
      '/sys/fs/cgroup/cpu,cpuacct/run/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu,cpuacct/run/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu,cpuacct/run/cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 123456789\n',
    });
    expect(cpuQuotaCores(read)).toBe(0.5);
    expect(readThrottling(read)).toEqual({ periods: 10, throttledPeriods: 4, throttledNs: 123_456_789 });
  });

  it('is none where nothing is mounted or set', () => {
    expect(cpuQuotaCores(reader({}))).toBeNull();
    expect(readThrottling(reader({ '/proc/self/mountinfo': V2, '/proc/self/cgroup': '0::/\n' }))).toBeNull();
  });

  it('of this process can be read', () => {
    expect(readThrottling()?.throttledNs ?? 0).toBeGreaterThanOrEqual(0);
  });
});
