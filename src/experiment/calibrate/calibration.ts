/** A calibration: rounds of experiments on this machine's kernel, and the lines of the cost profile they come to. */
import { ACTOR_COSTS } from './own-work.ts';
import { COST_KEYS, COST_MEANINGS, COST_PROFILES } from '../../scenario/profiles/cost-profiles.ts';
import type { CostKey } from '../../scenario/profiles/cost-profiles.ts';
import type { ProfileDocument, ProfileLine } from '../../scenario/profiles/profile-file.ts';
import { describeKernel } from '../../runtime/kernel/machine.ts';
import { readFingerprint } from '../../runtime/os/fingerprint.ts';
import { CalibrationBed } from './bed.ts';
import type { Cores } from './bed.ts';
import { PATH_NAMES, SOFTIRQ_PATHS, passCalls, passRound } from './experiments.ts';
import type { CallCosts, PathName } from './experiments.ts';
import { estimate, solveRound } from './solve.ts';
import type { Estimate, RoundAnswer } from './solve.ts';

/** Unmeasured rounds: V8 compiles what they run. */
const WARM_UP_ROUNDS = 3;

export interface CalibrationOptions {
  readonly rounds: number;
  readonly cores: Cores;
  readonly signal: AbortSignal;
  readonly watch: (round: number) => void;
}

/** What all rounds came to. */
export interface Calibration {
  readonly rounds: readonly (RoundAnswer<PathName> & CallCosts)[];
  readonly cores: Cores;
}

/** Passes the rounds, paths in an order that turns. @throws KernelHostError where the kernel cannot be used. */
export async function calibrate({ rounds, cores, signal, watch }: CalibrationOptions): Promise<Calibration> {
  const bed = await CalibrationBed.open(cores);
  const answers: Calibration['rounds'][number][] = [];
  try {
    for (let round = -WARM_UP_ROUNDS; round < rounds && !signal.aborted; round++) {
      const turn = (round + WARM_UP_ROUNDS) % PATH_NAMES.length;
      const trials = passRound(bed, [...PATH_NAMES.slice(turn), ...PATH_NAMES.slice(0, turn)]);
      const calls = passCalls(bed);
      if (round >= 0) answers.push({ ...solveRound(trials), ...calls });
      watch(round);
      // Signals are heard between rounds.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await bed.close();
  }
  return { rounds: answers, cores };
}

/** One quantity of a round, as a sum of what was measured in it. */
type Quantity = (round: Calibration['rounds'][number]) => number;

interface Derivation {
  readonly how: 'measured' | 'derived';
  readonly kernelNs: Quantity;
  /** Work that the actor does itself on a frame, which is not declared, ns. */
  readonly ownNs: number;
  readonly why: string;
}

/** Lines that the experiments give. All others are taken over. */
const DERIVATIONS: Partial<Record<CostKey, Derivation>> = {
  nicRx: {
    how: 'measured',
    kernelNs: ({ received }) => received,
    ownNs: ACTOR_COSTS.nic + ACTOR_COSTS.softirq,
    why: 'veth: process_backlog to the end of __netif_receive_skb_core, and freeing the skb; no driver, no allocation',
  },
  bridge: {
    how: 'derived',
    kernelNs: ({ bridged, received }) => bridged - received,
    ownNs: ACTOR_COSTS.bridge,
    why: 'a frame that the bridge drops, less one that nobody takes',
  },
  nicTx: {
    how: 'derived',
    kernelNs: ({ sent, bridged }) => sent - bridged,
    ownNs: 0,
    why: 'a frame that leaves by another port for a packet socket, less one that the bridge drops',
  },
  tapEnqueue: {
    how: 'derived',
    kernelNs: ({ queued, bridged }) => queued - bridged,
    ownNs: ACTOR_COSTS.tap,
    why: 'a frame that is queued at a tap, less one that the bridge drops',
  },
  vhostRx: {
    how: 'measured',
    kernelNs: ({ read }) => read,
    ownNs: ACTOR_COSTS.vhost,
    why: 'read(2) of a tap through koffi: the worker is in user space',
  },
  vhostTx: {
    how: 'measured',
    kernelNs: ({ write }) => write,
    ownNs: ACTOR_COSTS.vhost,
    why: 'write(2) to a tap through koffi, to the end of the skb core',
  },
  irq: {
    how: 'measured',
    kernelNs: ({ wake }) => wake,
    ownNs: 0,
    why: 'inter-processor interrupt of RPS, entry of softirq and way back',
  },
  qemuSyscall: {
    how: 'measured',
    kernelNs: ({ systemCall }) => systemCall,
    ownNs: 0,
    why: 'write(2) of a byte to /dev/null through koffi',
  },
};

/** @param rounds at least one. */
export function profileOf(
  { rounds, cores }: Calibration,
  name: string,
  made: { by: string; at: string },
): ProfileDocument {
  const lines = Object.fromEntries(COST_KEYS.map((key) => [key, lineOf(key, rounds)]));
  return {
    name,
    made: {
      ...made,
      machine: readFingerprint().text,
      kernel: describeKernel(),
      cores: `host ${cores.host}, wire ${cores.wire}`,
      rounds: `${rounds.length}`,
    },
    lines,
    checks: checksOf(rounds),
  };
}

function lineOf(key: CostKey, rounds: Calibration['rounds']): ProfileLine {
  const derivation = DERIVATIONS[key];
  if (derivation === undefined) {
    return { ns: COST_PROFILES.linux[key], how: 'taken over', why: COST_MEANINGS[key].what };
  }
  const { how, kernelNs, ownNs, why } = derivation;
  const found = estimate(rounds.map(kernelNs));
  const less = (ns: number): number => Math.max(0, Math.round(ns - ownNs));
  const own = ownNs === 0 ? '' : `; less ${ownNs} ns that the actor spends itself`;
  return { ns: less(found.value), low: less(found.low), high: less(found.high), how, why: `${why}${own}` };
}

/** What was measured besides: whole paths, and sums that must come out. */
function checksOf(rounds: Calibration['rounds']): string[] {
  const of = (quantity: Quantity): string => show(estimate(rounds.map(quantity)));
  return [
    ...PATH_NAMES.map((path) => `${path}: ${of((round) => round[path])} a frame; ${SOFTIRQ_PATHS[path].what}`),
    `a write(2) through bridge and port: ${of(({ writeThrough }) => writeThrough)}; the sum of the parts: ` +
      of(({ write, sent, received }) => write + sent - received),
  ];
}

export function show({ value, low, high }: Estimate): string {
  return `${Math.round(value)} ns (95 % between ${Math.round(low)} and ${Math.round(high)})`;
}
