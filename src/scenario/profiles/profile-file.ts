/** A cost profile in a file of its own, as `vhostlab calibrate` writes it and `host.costs` takes it by path. */
import { parse } from 'yaml';
import { z } from 'zod';
import { COST_KEYS, COST_PROFILES } from './cost-profiles.ts';
import type { CostKey, CostTableNs } from './cost-profiles.ts';

/** How a line came to its figure. */
export const LINE_ORIGINS = ['measured', 'derived', 'taken over'] as const;

const lineSchema = z.strictObject({
  /** ns per frame or event. */
  ns: z.number().min(0).max(1e9),
  /** Where the figure lies with 95 % confidence, ns; absent for what was taken over. */
  low: z.number().optional(),
  high: z.number().optional(),
  how: z.enum(LINE_ORIGINS),
  why: z.string(),
});

export type ProfileLine = z.infer<typeof lineSchema>;

const profileSchema = z.strictObject({
  name: z.string().min(1).max(80),
  made: z.record(z.string(), z.string()),
  /** Lines that are not there are those of the profile `linux`. */
  lines: z.partialRecord(z.enum(COST_KEYS as readonly [CostKey, ...CostKey[]]), lineSchema),
  /** What was measured besides, to check the lines against. */
  checks: z.array(z.string()).default([]),
});

export type ProfileDocument = z.infer<typeof profileSchema>;

/** Where a table of costs came from, and the table. */
export interface CostProfile {
  readonly name: string;
  readonly table: CostTableNs;
}

/** What is written in `host.costs` is the path of a profile, and no name, where it has a slash or an ending. */
export const isProfilePath = (written: string): boolean => /[/.]/.test(written);

/** @throws an Error with the first thing that is wrong: where, what was found. */
export function parseProfile(text: string): CostProfile {
  const result = profileSchema.safeParse(parse(text));
  if (!result.success) {
    const [{ path, message }] = result.error.issues;
    throw new Error(`${path.length === 0 ? 'not a cost profile' : path.join('.')}: ${message}`);
  }
  const { name, lines } = result.data;
  const table = Object.fromEntries(
    COST_KEYS.map((key) => [key, Math.round(lines[key]?.ns ?? COST_PROFILES.linux[key])]),
  ) as Record<CostKey, number>;
  return { name, table: Object.freeze(table) };
}
