/** Scripts that complete a command line, made of what commander knows of the verbs and their flags. */
import type { Command, Option } from 'commander';

const PROGRAM = 'vhostlab';
/** How flags write a value that names a file or a folder. */
const FILE_VALUE = /<(file|folder|page)>/;

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What a script must know: the verbs, their flags, and the names that stand for a scenario. */
export interface Completed {
  readonly verbs: readonly Command[];
  readonly scenarios: readonly string[];
}

export function completionScript(shell: Shell, completed: Completed): string {
  if (shell === 'fish') return fishScript(completed);
  // zsh runs functions made for bash through its own bashcompinit.
  const before =
    shell === 'zsh' ? 'autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n' : '';
  return `${before}${bashScript(completed)}`;
}

function flagsOf(verb: Command): readonly Option[] {
  return verb.options.filter(({ hidden }) => !hidden);
}

function takesScenario(verb: Command): boolean {
  return verb.registeredArguments.some((argument) => argument.name() === 'scenario' || argument.name() === 'a');
}

function choicesOf(verb: Command): readonly string[] {
  return verb.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
}

function bashScript({ verbs, scenarios }: Completed): string {
  const values = verbs.flatMap((verb) =>
    flagsOf(verb)
      .filter(({ required }) => required)
      .map((flag) => `    ${verb.name()}:${flag.long}) ${bashValue(flag)} return ;;`),
  );
  const words = verbs.map((verb) => {
    const names = [...flagsOf(verb).map(({ long }) => long), '--help'].join(' ');
    const operands = [...choicesOf(verb), ...(takesScenario(verb) ? scenarios : [])].join(' ');
    return `    ${verb.name()}) flags="${names}"; operands="${operands}" ;;`;
  });
  return `_${PROGRAM}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}" flags="" operands=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...verbs.map((verb) => verb.name()), 'help', '--help', '--version'].join(' ')}" -- "$cur"))
    return
  fi
  case "$verb:$prev" in
${values.join('\n')}
  esac
  case "$verb" in
${words.join('\n')}
  esac
  case "$cur" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "$operands" -- "$cur") $(compgen -f -- "$cur")) ;;
  esac
}
complete -F _${PROGRAM} ${PROGRAM}
`;
}

/** A value that is one of a few, a file, or something that cannot be guessed. */
function bashValue({ flags, argChoices }: Option): string {
  if (argChoices !== undefined) return `COMPREPLY=($(compgen -W "${argChoices.join(' ')}" -- "$cur"));`;
  return FILE_VALUE.test(flags) ? 'COMPREPLY=($(compgen -f -- "$cur"));' : '';
}

function fishScript({ verbs, scenarios }: Completed): string {
  const lines = verbs.flatMap((verb) => {
    const seen = `-n '__fish_seen_subcommand_from ${verb.name()}'`;
    const operands = [...choicesOf(verb), ...(takesScenario(verb) ? scenarios : [])];
    return [
      `complete -c ${PROGRAM} -f -n __fish_use_subcommand -a ${verb.name()} -d ${quoted(verb.description())}`,
      ...(operands.length === 0 ? [] : [`complete -c ${PROGRAM} ${seen} -a ${quoted(operands.join(' '))}`]),
      ...flagsOf(verb).map((flag) => `complete -c ${PROGRAM} ${seen} ${fishFlag(flag)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function fishFlag({ flags, long, required, argChoices, description }: Option): string {
  const value =
    argChoices !== undefined ? `-x -a ${quoted(argChoices.join(' '))}` : FILE_VALUE.test(flags) ? '-r -F' : '-x';
  return `-l ${(long ?? '').slice(2)} ${required ? `${value} ` : ''}-d ${quoted(description)}`;
}

/** For fish, which knows two escapes within single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
