/** How a thread builds the actors of its plan. */
import type { Actor } from '../../actors/actor.ts';
import { componentOf } from '../../actors/registry.ts';
import type { Memory } from '../memory/arena.ts';
import { createNetworkFunction } from './function-factory.ts';
import type { ActorPlan } from './plan.ts';

/** Builds an actor on the calling thread and connects its ports, but for those that lead to VMs that are not there. */
export function createActor({ spec, attachments }: ActorPlan, memory: Memory, absent: readonly string[] = []): Actor {
  const actor = componentOf(spec.kind).create(memory, spec.config, createNetworkFunction);
  for (const attachment of attachments) {
    if (attachment.vm === undefined || !absent.includes(attachment.vm)) actor.attach(attachment);
  }
  return actor;
}
