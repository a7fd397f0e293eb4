import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { collectSetting } from './option-parsers.ts';
import { openOutputs } from './output-file.ts';

interface TopologyOptions {
  readonly set: readonly string[];
  readonly cores: number;
  readonly svg?: string;
}

const CORES_MAX = 1024;

/** `topology`: what a scenario's run is made of, as a graph. */
export function addTopology(program: Command): void {
  program
    .command('topology')
    .description('draw who hands frames to whom, through which rings, on which threads and cores')
    .argument('<scenario>', 'name of a shipped scenario, or path of a file')
    .option('--set <path=value>', 'change one key, as run does; may be repeated', collectSetting, [])
    .option('--cores <count>', 'cores to place threads on, where the scenario does not say', coreCount, 2)
    .option('--svg <file>', 'write an SVG drawing instead of Mermaid text on stdout')
    .action(async (nameOrPath: string, { set, cores, svg }: TopologyOptions) => {
      const { buildPlan } = await import('../plan/build-plan.ts');
      const { planGraph } = await import('../plan/graph/graph.ts');
      const { loadScenario } = await import('../plan/load-scenario.ts');
      const scenario = loadScenario(nameOrPath, { overrides: set });
      const graph = planGraph(buildPlan(scenario), cores);
      const file = openOutputs({ svg }).svg;
      if (file === undefined) {
        const { planMermaid } = await import('../plan/graph/mermaid.ts');
        process.stdout.write(planMermaid(scenario.name, graph));
        return;
      }
      const { topologySvg } = await import('../experiment/graph/topology-graph.ts');
      await file.write(topologySvg(scenario.name, graph));
    });
}

function coreCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= CORES_MAX) return count;
  throw new InvalidArgumentError(`expected a number of cores from 1 to ${CORES_MAX}.`);
}
