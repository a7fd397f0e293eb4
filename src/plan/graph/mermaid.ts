import type { GraphCore, PlanGraph } from './graph.ts';

/** The graph as a Mermaid flowchart: hosts around cores around threads around actors, dotted arrows for the control path. */
export function planMermaid(title: string, { cores, edges }: PlanGraph): string {
  const lines = ['---', `title: ${title}`, '---', 'flowchart LR'];
  for (const host of new Set(cores.map((core) => core.host))) {
    const boxes = cores.filter((core) => core.host === host).flatMap(coreLines);
    if (host === null) lines.push(...boxes);
    else lines.push(...subgraph(idOf('host', host), `host ${host}`, boxes));
  }
  for (const { from, to, label, carries } of edges) {
    const arrow = carries === 'frames' ? '-->' : '-.->';
    lines.push(`  ${idOf('actor', from)} ${arrow}|"${label}"| ${idOf('actor', to)}`);
  }
  return `${lines.join('\n')}\n`;
}

function coreLines({ core, host, threads }: GraphCore): string[] {
  const boxes = threads.flatMap(({ name, actors }) =>
    subgraph(
      idOf('thread', name),
      `thread ${name}`,
      actors.map((actor) => `  ${idOf('actor', actor.name)}["${actor.name}"]`),
    ),
  );
  return subgraph(host === null ? `core${core}` : idOf(`core${core}`, host), `core ${core}`, boxes);
}

/** Indented, as its members are within it. */
function subgraph(id: string, title: string, members: readonly string[]): string[] {
  return [`  subgraph ${id}["${title}"]`, ...members.map((line) => `  ${line}`), '  end'];
}

/** Names hold slashes, dashes and dots, which Mermaid would read as its own; `end` alone would close a subgraph. */
function idOf(what: string, name: string): string {
  return `${what}_${name.replaceAll('/', '__').replaceAll('-', '_').replaceAll('.', '_q')}`;
}
