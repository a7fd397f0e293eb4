/** The document a comparison leaves behind: plain data. Times in ns, shares from 0 to 1. */
import type { HostKind } from '../../runtime/host.ts';
import type { ResultHead } from '../result/result-head.ts';
import type { SweptLoad } from '../sweep/swept-load.ts';
import type { FigureUnit } from './figures.ts';
import type { PairedTest } from './paired-test.ts';

/** One figure at one load, on both sides. */
export interface ComparedFigure {
  readonly offeredPerSecond: number;
  readonly figure: string;
  readonly unit: FigureUnit;
  readonly test: PairedTest;
  /** Every block's two values. */
  readonly pairs: readonly (readonly [a: number, b: number])[];
}

/** A condition that makes the comparison fail. */
export interface FailCondition {
  readonly text: string;
  readonly figure: string;
  readonly relation: '<' | '>';
  /** Change from A to B as a share of A; of shares, loss for example, the difference of the shares. */
  readonly limit: number;
}

export interface CompareResult extends ResultHead {
  readonly kind: 'compare';
  readonly sides: readonly [a: string, b: string];
  /** Where the trials are from: made now in turn, or of result files. */
  readonly source: 'measured' | 'files';
  readonly hostKind: HostKind;
  readonly load: SweptLoad;
  readonly interrupted: boolean;
  readonly figures: readonly ComparedFigure[];
  /** Blocks that were left out, since one of their trials was invalid. */
  readonly blocksLeftOut: number;
  /** What makes the comparison less than it seems. */
  readonly caveats: readonly string[];
  readonly failures: readonly string[];
  readonly exitCode: number;
}
