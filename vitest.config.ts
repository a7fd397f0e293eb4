import { defineConfig } from 'vitest/config';

/**
 * fast: pure functions and the virtual host, in parallel. threads: real worker threads and the spawned command line,
 * one file at a time because the machine's cores are the experiment. slow: exhaustive interleavings and long scenarios.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/{unit,property,virtual}/**/*.test.ts', 'test/{tidy,docs}.test.ts'],
          pool: 'forks',
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'threads',
          include: ['test/{threads,cli}/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'slow',
          include: ['test/{model,stress,scenario,kernel}/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 600_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
