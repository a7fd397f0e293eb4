/** One ledger of hosts that each made a part of what is judged as one. */
import type { Ledger } from '../run/run-result.ts';

const EMPTY: Ledger = {
  balanced: true,
  sentFrames: 0,
  copiedFrames: 0,
  receivedFrames: 0,
  consumedFrames: 0,
  droppedFrames: 0,
  unexplainedFrames: 0,
  inFlightFrames: 0,
  inFlight: [],
  slots: { total: 0, foundOnce: 0 },
  guestBuffers: [],
  faults: [],
};

/** The sum of ledgers; it balances when all of them do. */
export function addLedgers(ledgers: readonly Ledger[]): Ledger {
  return ledgers.reduce(add, EMPTY);
}

function add(a: Ledger, b: Ledger): Ledger {
  return {
    balanced: a.balanced && b.balanced,
    sentFrames: a.sentFrames + b.sentFrames,
    copiedFrames: a.copiedFrames + b.copiedFrames,
    receivedFrames: a.receivedFrames + b.receivedFrames,
    consumedFrames: a.consumedFrames + b.consumedFrames,
    droppedFrames: a.droppedFrames + b.droppedFrames,
    unexplainedFrames: a.unexplainedFrames + b.unexplainedFrames,
    inFlightFrames: a.inFlightFrames + b.inFlightFrames,
    inFlight: addByName([...a.inFlight, ...b.inFlight]),
    slots: { total: a.slots.total + b.slots.total, foundOnce: a.slots.foundOnce + b.slots.foundOnce },
    guestBuffers: addGuests([...a.guestBuffers, ...b.guestBuffers]),
    faults: [...a.faults, ...b.faults],
  };
}

function addByName(found: Ledger['inFlight']): Ledger['inFlight'] {
  const names = [...new Set(found.map(({ where }) => where))];
  return names.map((where) => {
    const frames = found.reduce((sum, each) => (each.where === where ? sum + each.frames : sum), 0);
    return { where, frames };
  });
}

function addGuests(found: Ledger['guestBuffers']): Ledger['guestBuffers'] {
  const names = [...new Set(found.map(({ vm }) => vm))];
  return names.map((vm) => {
    const own = found.filter((each) => each.vm === vm);
    const sumOf = (key: 'total' | 'foundOnce'): number => own.reduce((sum, each) => sum + each[key], 0);
    return { vm, total: sumOf('total'), foundOnce: sumOf('foundOnce') };
  });
}
