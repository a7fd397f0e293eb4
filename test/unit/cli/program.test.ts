import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../../src/cli/completion-scripts.ts';
import { EXAMPLES, examplesText } from '../../../src/cli/examples.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { shippedScenarios } from '../../../src/scenario/file.ts';

const program = createProgram();
const verbs = program.commands;
const scenarios = shippedScenarios();

describe('examples', () => {
  it('are there for every verb, and for nothing else', () => {
    expect(Object.keys(EXAMPLES).sort()).toEqual(verbs.map((verb) => verb.name()).sort());
    for (const verb of verbs) expect(examplesText(verb.name())).toMatch(/^\nExamples:\n {2}\S/);
  });

  it.each(Object.entries(EXAMPLES).flatMap(([name, own]) => own.map(({ command }) => [name, command] as const)))(
    '%s: %s',
    (name, command) => {
      const verb = verbs.find((each) => each.name() === name)!;
      const typed = command.slice(command.indexOf(`vhostlab ${name}`)).split(/\s+(?:[|>])\s/)[0];
      const words = typed.split(/\s+/).slice(2);
      expect(command).toContain(`vhostlab ${name}`);
      for (const [i, word] of words.entries()) {
        if (!word.startsWith('--')) continue;
        const option = verb.options.find(({ long }) => long === word);
        expect(option, word).toBeDefined();
        if (option?.argChoices !== undefined) expect(option.argChoices).toContain(words[i + 1]);
      }
    },
  );
});

describe('help', () => {
  it.each([program, ...verbs].map((command) => [command.name(), command] as const))(
    'of %s fits 80 columns',
    (_, command) => {
      let text = '';
      command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 }).outputHelp();
      expect(text).toContain('Usage: vhostlab');
      expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
    },
  );
});

/** What bash offers for the words of a line, of which the last is being typed. */
function completed(...words: string[]): string[] {
  const line = ['vhostlab', ...words].map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _vhostlab; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const script = completionScript('bash', { verbs, scenarios });
  const { stdout, stderr } = spawnSync('bash', ['-c', `${script}\n${ask}`], { encoding: 'utf8', cwd: '/' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  it('offers bash verbs, flags, the values of flags, scenarios and shells', () => {
    expect(completed('s')).toEqual(expect.arrayContaining(['sweep', 'search', 'schema']));
    expect(completed('r')).toEqual(['run', 'reality']);
    expect(completed('run', 'live')).toEqual(['livelock', 'livelock-linux-6-5']);
    expect(completed('run', 'livelock', '--ho')).toEqual(['--host']);
    expect(completed('run', 'livelock', '--host', 'v')).toEqual(['virtual']);
    expect(completed('search', 'livelock', '--preset', '')).toEqual(['csit', 'rfc2544', 'tst009']);
    expect(completed('completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
    expect(completed('run', 'livelock', '--json', '/etc/host')).toContain('/etc/hosts');
    for (const words of [
      ['calibrate', '--out'],
      ['sweep', 'livelock', '--csv'],
      ['sweep', 'livelock', '--resume'],
    ]) {
      expect(completed(...words, '/etc/host')).toContain('/etc/hosts');
    }
    expect(completed('run', 'livelock', '--duration', '')).toEqual([]);
  });

  it('makes a script for fish and one for zsh, which knows its own words', () => {
    const fish = completionScript('fish', { verbs, scenarios });
    expect(fish).toContain("complete -c vhostlab -n '__fish_seen_subcommand_from run' -l host -x -a 'threads virtual");
    expect(fish.split('\n').every((line) => line === '' || line.startsWith('complete -c vhostlab '))).toBe(true);
    expect(completionScript('zsh', { verbs, scenarios })).toMatch(/^autoload .*\nautoload .*bashcompinit\n_vhostlab/);
  });
});
