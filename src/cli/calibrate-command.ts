/** What `calibrate` does, once its flags are known to be well formed. */
import { basename } from 'node:path';
import { stringify } from 'yaml';
import { calibrate, profileOf } from '../experiment/calibrate/calibration.ts';
import type { Calibration } from '../experiment/calibrate/calibration.ts';
import { EXIT_INTERRUPTED } from '../experiment/run/exit-codes.ts';
import { toolVersion } from '../experiment/run/tool-version.ts';
import { describeAccess } from './doctor.ts';
import { UsageError } from './errors.ts';
import { listenForSignals } from './interruption.ts';
import { openOutputs, screenFor } from './output-file.ts';
import { findKernelAccess } from '../runtime/kernel/access.ts';
import { probeCapabilities } from '../runtime/os/capabilities.ts';
import type { ProfileDocument } from '../scenario/profiles/profile-file.ts';
import { COST_PROFILES } from '../scenario/profiles/cost-profiles.ts';
import type { CostKey } from '../scenario/profiles/cost-profiles.ts';
import { paintFor, tableLines } from '../metrics/text/text-table.ts';

export interface CalibrateFlags {
  readonly out: string;
  readonly rounds: number;
}

const COLUMNS = 100;

/** Calibrates and shows it. @returns the exit code. @throws UsageError where this machine does not allow it. */
export async function calibrateCommand({ out, rounds }: CalibrateFlags): Promise<number> {
  const access = findKernelAccess();
  if (access.way !== 'as it is' || !access.steers)
    throw new UsageError(`calibrate: found ${describeAccess(access)}, allowed: as it is, and softirq can be steered`);
  const { coresAllowed } = probeCapabilities();
  if (coresAllowed.length < 2) throw new UsageError('calibrate: found one core, allowed: two');
  const [host, wire] = coresAllowed;
  const files = openOutputs({ out });
  const screen = screenFor(Object.values(files), {});
  const interruption = listenForSignals();
  try {
    const calibration = await calibrate({
      rounds,
      cores: { host, wire },
      signal: interruption.signal,
      watch: (round) => {
        if (screen.isTTY) screen.write(`\rround ${Math.max(0, round + 1)} of ${rounds}`);
      },
    });
    if (screen.isTTY) screen.write('\r\x1b[K');
    if (interruption.signal.aborted) return EXIT_INTERRUPTED;
    const profile = describeProfile(calibration, out);
    await files.out?.write(stringify(profile, { lineWidth: 120 }));
    for (const line of profileLines(profile, screen)) screen.write(`${line}\n`);
    return 0;
  } finally {
    for (const file of Object.values(files)) file.discard();
    interruption.dispose();
  }
}

function describeProfile(calibration: Calibration, out: string): ProfileDocument {
  const name = basename(out).replace(/\.ya?ml$/, '');
  const by = `vhostlab ${toolVersion()}, calibrate --out ${basename(out)}`;
  return profileOf(calibration, name === '-' ? 'calibrated' : name, { by, at: new Date().toISOString() });
}

/** Every line beside that of profile linux. */
function profileLines({ lines, checks, made }: ProfileDocument, screen: NodeJS.WriteStream): string[] {
  const rows = Object.entries(lines).map(([key, { ns, low, high, how }]) => [
    key,
    `${ns}`,
    low === undefined || high === undefined ? '' : `${low} to ${high}`,
    `${COST_PROFILES.linux[key as CostKey]}`,
    how,
  ]);
  const columns = [
    { align: 'left' },
    { align: 'right' },
    { align: 'right' },
    { align: 'right' },
    { align: 'left' },
  ] as const;
  return [
    `${made.machine}; ${made.kernel}`,
    '',
    ...tableLines(columns, [['ns', 'here', '95 % between', 'linux', ''], ...rows], COLUMNS, paintFor(screen.isTTY)),
    '',
    ...checks,
  ];
}
