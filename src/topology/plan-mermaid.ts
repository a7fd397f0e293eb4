import type { PlanGraph } from './plan-graph.ts';

/** The graph as a Mermaid flowchart: cores around threads around actors, dotted arrows for the control path. */
export function planMermaid(title: string, { cores, edges }: PlanGraph): string {
  const lines = ['---', `title: ${title}`, '---', 'flowchart LR'];
  for (const { core, threads } of cores) {
    lines.push(`  subgraph core${core}["core ${core}"]`);
    for (const { name, actors } of threads) {
      lines.push(`    subgraph ${idOf('thread', name)}["thread ${name}"]`);
      for (const actor of actors) lines.push(`      ${idOf('actor', actor.name)}["${actor.name}"]`);
      lines.push('    end');
    }
    lines.push('  end');
  }
  for (const { from, to, label, carries } of edges) {
    const arrow = carries === 'frames' ? '-->' : '-.->';
    lines.push(`  ${idOf('actor', from)} ${arrow}|"${label}"| ${idOf('actor', to)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Names hold slashes, dashes and dots, which Mermaid would read as its own; `end` alone would close a subgraph. */
function idOf(what: string, name: string): string {
  return `${what}_${name.replaceAll('/', '__').replaceAll('-', '_').replaceAll('.', '_q')}`;
}
