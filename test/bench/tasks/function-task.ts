/**
 * What one network function costs for a frame: frames of many flows are written one after the other at the same place
 * and processed, and the same frames are written without being processed. The difference is the function's.
 */
import { Memory } from '../../../src/memory/arena.ts';
import { FlowTemplates } from '../../../src/net/traffic/flow-templates.ts';
import { createNetworkFunction } from '../../../src/runtime/function-factory.ts';
import type { NetworkFunction } from '../../../actors/guest/network-functions/network-function.ts';
import { NO_FRAMES } from '../../../actors/guest/network-functions/user-frames.ts';
import type { ActorSpec } from '../../../actors/registry.ts';
import type { BenchReport, FunctionTask } from '../bench-task.ts';
import type { Stopwatch } from '../stopwatch.ts';

const FRAME_BYTE = 64;
const BATCH = 64;
const SIZE_BYTES = 64;
/** Of virtual time between two batches. */
const BATCH_NS = 16_000;

export function measureFunction({ plan, frames }: FunctionTask, watch: Stopwatch): BenchReport {
  const buffers = plan.buffers.map(({ name, bytes }) => [name, new SharedArrayBuffer(bytes)] as const);
  const memory = new Memory('functions bench', buffers);
  const specs = plan.threads.flatMap(({ actors }) => actors.map(({ spec }) => spec));
  const isVcpu = (spec: ActorSpec): spec is ActorSpec & { kind: 'vcpu' } => spec.kind === 'vcpu';
  const isGenerator = (spec: ActorSpec): spec is ActorSpec & { kind: 'generator' } => spec.kind === 'generator';
  const source = specs.find(isGenerator)!.config.sources[0];
  if (source.kind !== 'generated') throw new Error('generated traffic only');
  const lab = new FunctionLab(
    createNetworkFunction(memory, specs.find(isVcpu)!.config.nf, NO_FRAMES),
    new FlowTemplates(source.flows, [SIZE_BYTES]),
  );
  // Every flow once, so that tables are as full as they will be; and enough for V8 to have optimised everything.
  lab.run(Math.max(frames, source.flows.flowCount), true);
  lab.run(frames, false);
  watch.beginAlone();
  const [bareNs, wholeNs] = [timeNs(() => lab.run(frames, false)), timeNs(() => lab.run(frames, true))];
  return watch.end({ frame: (wholeNs - bareNs) / frames, dropped: lab.dropped / lab.processed });
}

class FunctionLab {
  dropped = 0;
  processed = 0;
  private readonly nf: NetworkFunction;
  private readonly templates: FlowTemplates;
  private readonly bytes: Uint8Array;
  private readonly words: Int32Array;
  private nowNs = 1e9;

  constructor(nf: NetworkFunction, templates: FlowTemplates) {
    const memory = new SharedArrayBuffer(4096);
    this.nf = nf;
    this.templates = templates;
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory);
  }

  run(frames: number, process: boolean): void {
    const { nf, templates, bytes, words } = this;
    const { flowCount } = templates;
    let flow = 0;
    for (let frame = 0; frame < frames; frame++) {
      if (frame % BATCH === 0) this.nowNs += BATCH_NS;
      const length = templates.write(bytes, words, FRAME_BYTE, 0, flow, frame, this.nowNs);
      if (process) {
        this.processed++;
        if (nf.process(bytes, FRAME_BYTE, length, 0, this.nowNs) < 0) this.dropped++;
      }
      flow = flow + 1 === flowCount ? 0 : flow + 1;
    }
  }
}

function timeNs(work: () => void): number {
  const before = performance.now();
  work();
  return (performance.now() - before) * 1e6;
}
