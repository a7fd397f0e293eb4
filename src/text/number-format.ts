/**
 * Numbers as people read them: three significant digits and the unit beside them. Tables leave the unit to the heading.
 */

const MISSING = '-';
const STEPS: readonly (readonly [suffix: string, factor: number])[] = [
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
];

/** `1.49M`, `121k`, `340`, `0.5`; `-` for what is not known. For rates in frames/s and for counts in tables. */
export function formatCompact(value: number | null): string {
  if (value === null) return MISSING;
  // 999.5 and above rounds to four digits, so it takes the next suffix.
  const [suffix, factor] = STEPS.find(([, each]) => value >= each * 0.9995) ?? ['', 1];
  return `${threeDigits(value / factor)}${suffix}`;
}

/** `1.49 M`, `121 k`, `340`: in sentences. */
export function formatAmount(value: number): string {
  return formatCompact(value).replace(/(?<=\d)(?=[kMG]$)/, ' ');
}

/** `35,712,004`. */
export function formatExact(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `64 %`, `0.31 %`, `100 %`; only nothing is `0 %` and only all is `100 %`. */
export function formatShare(ratio: number | null): string {
  if (ratio === null) return MISSING;
  const percent = ratio * 100;
  if (percent === 0 || percent >= 100) return `${Math.round(percent)} %`;
  if (percent < 0.01) return '<0.01 %';
  if (percent > 99.99) return '>99.99 %';
  const digits = percent < 1 || percent > 99.9 ? 2 : percent < 10 || percent > 99 ? 1 : 0;
  return `${percent.toFixed(digits)} %`;
}

/** `350 ns`, `96.2 us`, `1.2 ms`, `2.1 s`. */
export function formatTime(ns: number | null): string {
  if (ns === null) return MISSING;
  if (ns < 999.5) return `${threeDigits(ns)} ns`;
  if (ns < 999.5e3) return `${threeDigits(ns / 1e3)} us`;
  if (ns < 999.5e6) return `${threeDigits(ns / 1e6)} ms`;
  return `${threeDigits(ns / 1e9)} s`;
}

/** `12.5 s`: a moment of a run. */
export function formatSeconds(ns: number): string {
  return `${(ns / 1e9).toFixed(1)} s`;
}

function threeDigits(value: number): string {
  if (value === 0) return '0';
  if (value >= 99.95) return value.toFixed(0);
  const digits = value >= 9.995 ? 1 : 2;
  return value.toFixed(digits).replace(/\.?0+$/, '');
}
