/** All models and their explorer behind one door, for whoever bundles them. */
export { explore } from './interleaving.ts';
export * from './memory-models.ts';
export * from './pending-queue-model.ts';
export * from './shared-set-model.ts';
export * from './softirq-line-model.ts';
export * from './virtqueue-sleep-model.ts';
