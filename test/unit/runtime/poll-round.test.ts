/** The poll round that both hosts run. */
import { beforeEach, expect, test } from 'vitest';
import type { Actor } from '../../../actors/actor.ts';
import { Softirq } from '../../../actors/host/softirq.ts';
import { Arena, Memory } from '../../../src/memory/arena.ts';
import { Doorbell, reserveDoorbell } from '../../../src/memory/doorbell.ts';
import { Announcer, reservePending } from '../../../src/memory/pending-queue.ts';
import type { ActorPlan } from '../../../src/runtime/plan.ts';
import { PollList } from '../../../src/runtime/poll-list.ts';
import { POLL_BUDGET, PollRound } from '../../../src/runtime/poll-round.ts';
import type { RoundAccounts } from '../../../src/runtime/poll-round.ts';

/** Has `left` frames to move; notes when it is polled. */
class Mover implements Actor {
  debtNs = 0;
  left = 0;
  broken = false;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  poll(budget: number): number {
    if (this.broken) throw new Error('ring gone');
    polled.push(this.name);
    const n = Math.min(budget, this.left);
    this.left -= n;
    this.debtNs += n;
    return n;
  }
  arm(): boolean {
    if (this.broken) throw new Error('line gone');
    this.debtNs += 0.5;
    return this.left === 0;
  }
  attach(): void {}
  detach(): void {}
  commit(): void {
    committed.push(this.name);
  }
  census(): void {}
}

class Accounts implements RoundAccounts {
  debtNs = 0;
  readonly frames = new Map<number, number>();
  polled(actor: Actor, index: number, frames: number): void {
    this.frames.set(index, frames);
    this.armed(actor);
  }
  armed(actor: Actor): void {
    this.debtNs += actor.debtNs;
    actor.debtNs = 0;
  }
}

let polled: string[] = [];
let committed: string[] = [];
let accounts: Accounts;
let movers: Mover[];
let round: PollRound;
let doorbell: Doorbell;
let announcers: Announcer[];
let list: PollList;

/** Two actors that are polled in every round, and two that are announced, by the numbers 1 and 0. */
beforeEach(() => {
  const arena = new Arena('signals');
  const bell = reserveDoorbell(arena);
  const pending = reservePending(arena, 2);
  const memory = new Memory('here', new Map([['signals', new SharedArrayBuffer(arena.bytes)]]));
  const numbers = [null, 1, null, 0];
  movers = ['a', 'b', 'c', 'd'].map((name) => new Mover(name));
  const actors = numbers.map((announced) => ({ announced })) as ActorPlan[];
  accounts = new Accounts();
  list = new PollList(memory, { actors, pending });
  round = new PollRound('cpu0', movers, list, accounts);
  doorbell = new Doorbell(memory, bell);
  announcers = [0, 1].map((number) => new Announcer(memory, { pending, number }));
  round.poll(0);
  [polled, committed] = [[], []];
});

test('polls those that always look, in order, and then who was announced, in the order of their numbers', () => {
  round.poll(0);
  expect(polled).toEqual(['a', 'c']);
  polled = [];
  announcers[1].announce();
  announcers[0].announce();
  round.poll(0);
  expect(polled).toEqual(['a', 'c', 'd', 'b']);
});

test('polls an announced actor again that used its budget, and only that', () => {
  movers[1].left = POLL_BUDGET + 1;
  announcers[1].announce();
  expect(round.poll(0)).toBe(POLL_BUDGET);
  polled = [];
  expect(round.park(doorbell)).toBe(false);
  expect(round.poll(0)).toBe(1);
  expect(polled).toEqual(['a', 'c', 'b']);
  expect(round.park(doorbell)).toBe(true);
});

test('accounts for every poll with its frames, and for what was declared when armed', () => {
  movers[2].left = 5;
  accounts.frames.clear();
  expect(round.poll(0)).toBe(5);
  expect([...accounts.frames]).toEqual([
    [0, 0],
    [2, 5],
  ]);
  expect(accounts.debtNs).toBe(5);
  round.arm();
  expect(accounts.debtNs).toBe(6);
});

test('parks only while nobody has work, and takes the announcement of the sleep back', () => {
  movers[0].left = 1;
  expect(round.park(doorbell)).toBe(false);
  expect(doorbell.parked).toBe(false);
  round.poll(0);
  expect(round.park(doorbell)).toBe(true);
  expect(doorbell.parked).toBe(true);
});

test('publishes what those count that are polled in every round', () => {
  round.commit();
  expect(committed).toEqual(['a', 'c']);
});

test('says which actor of which thread failed, in a poll and when armed', () => {
  movers[2].broken = true;
  expect(() => round.poll(0)).toThrow('actor c on thread cpu0: ring gone');
  expect(() => round.arm()).toThrow('actor c on thread cpu0: line gone');
});

test('a softirq visit is kept open by its poll list, or by what others of its thread have left', () => {
  const [napi, tap, bridge] = movers;
  const instances = Object.assign(napi, { scheduled: 2 });
  // A round knows a softirq thread by the class of one of its actors.
  const softirq = new Proxy(napi, { getPrototypeOf: () => Softirq.prototype });
  const visit = new PollRound('cpu0', [softirq, ...movers.slice(1)], list, accounts);
  expect(visit.scheduled()).toBe(2);
  instances.scheduled = 0;
  expect(visit.scheduled()).toBe(0);
  bridge.left = POLL_BUDGET + 1;
  visit.poll(0);
  expect(visit.scheduled()).toBe(1);
  visit.poll(0);
  expect(visit.scheduled()).toBe(0);
  tap.left = POLL_BUDGET;
  announcers[1].announce();
  expect(visit.scheduled()).toBe(1);
  visit.poll(0);
  expect(visit.scheduled()).toBe(1);
  visit.poll(0);
  expect(visit.scheduled()).toBe(0);
});
