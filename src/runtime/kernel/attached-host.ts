import type { EndPlace, Stock } from '../host.ts';
import type { Plan } from '../plan.ts';
import { ThreadHost, findMeans } from '../threads/thread-host.ts';
import type { ThreadHostMeans } from '../threads/thread-host.ts';
import { NamespaceEnds } from './ends.ts';

/** Runs a plan on real threads, with real programs at the ends of its wires, which are taps. */
export class AttachedHost extends ThreadHost {
  readonly ends: readonly EndPlace[];
  private readonly namespaces: NamespaceEnds;

  /**
   * Makes the namespaces and starts the threads, idle.
   * @throws KernelHostError when this machine or user does not allow it; PlacementError as the thread host does.
   */
  static async open(plan: Plan): Promise<AttachedHost> {
    const means = await findMeans(plan);
    const namespaces = new NamespaceEnds(plan.ends);
    try {
      return new AttachedHost(plan, means, namespaces);
    } catch (error) {
      await namespaces.close();
      throw error;
    }
  }

  private constructor(plan: Plan, means: ThreadHostMeans, namespaces: NamespaceEnds) {
    super(plan, means, { descriptors: [...namespaces.descriptors], bells: [] });
    this.namespaces = namespaces;
    this.ends = namespaces.places;
  }

  refreshCounters(): void {
    this.namespaces.refresh(this.memory);
  }

  stopEnds(): void {
    this.namespaces.stop();
  }

  override async takeStock(): Promise<Stock> {
    const framesInKernel = this.namespaces.settle();
    return { ...(await super.takeStock()), framesInKernel };
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.namespaces.close();
  }
}
