import { wrapWords } from '../metrics/text/text-table.ts';

/** As wide as commander makes the flags on a terminal that is not narrower. */
const TEXT_CHARS = 80;

/** What stands below the flags of a verb: an empty line, then each note from a line of its own. */
export function helpNotes(...notes: readonly string[]): string {
  return ['', ...notes.flatMap((note) => wrapWords(note, TEXT_CHARS))].join('\n');
}
