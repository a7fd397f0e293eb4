/** A key of a scenario that the command line sets. Text stands for `--set path=YAML`; other flags say who they are. */
export type Override = string | FlagAssignment | FlagValue;

/** An assignment as in `--set`, given by another flag, such as `--variant guard`. */
export interface FlagAssignment {
  /** The flag as the user wrote it, for messages. */
  readonly flag: string;
  /** `dotted.path=YAML`. */
  readonly assignment: string;
}

/** A value that is taken as it is, such as the operand of `--pcap`: nothing in it is YAML. */
export interface FlagValue {
  readonly flag: string;
  /** `dotted.path`; of a list that is written, `*` stands for each item. */
  readonly path: string;
  /** Where the value goes when that list is not written. */
  readonly otherwise?: string;
  readonly value: string;
}

/** As `path=value`, for results. */
export function overrideText(override: Override): string {
  if (typeof override === 'string') return override;
  return 'value' in override ? `${override.path}=${override.value}` : override.assignment;
}
