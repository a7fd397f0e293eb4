/** Where a value stands in a scenario: keys and indices from its root. */
export type KeyPath = readonly (string | number)[];

/** A fault by its path in the scenario. */
export interface Fault {
  readonly path: KeyPath;
  readonly at: 'key' | 'value';
  readonly sentence: string;
}

export const valueFault = (path: KeyPath, sentence: string): Fault => ({ path, at: 'value', sentence });

/** Reports one fault of an expectation: the key at fault, counted from the expectation, and a full sentence. */
export type ReportFault = (path: KeyPath, sentence: string) => void;
