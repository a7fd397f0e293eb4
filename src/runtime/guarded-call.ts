/**
 * Calls what runs a user's code and may never return. JavaScript cannot be stopped from within; V8 can end a script
 * that takes too long (node:vm), whatever that calls, and so the call is made from such a script.
 */
import { Script } from 'node:vm';

/** What a user's code may take before it is given up: a batch of frames takes milliseconds. */
export const USER_CODE_MS_MAX = 5000;

/** Code that did not return in time and was ended. */
export class EndlessCall extends Error {
  constructor(what: string, ms: number) {
    super(`${what} did not return within ${ms / 1000} s`);
    this.name = 'EndlessCall';
  }
}

/** A script reaches nothing but what is global: the call to make lies there while it is made. */
const SLOT = Symbol.for('vhostlab.guardedCall');
const slot = globalThis as unknown as Record<symbol, () => void>;
const script = new Script(`globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(SLOT))})]()`);

/**
 * Calls it, and returns what it returns or throws what it throws. Costs a thread for the watch, some 100 us: for calls
 * that are made now and then. Calls do not nest.
 * @param what is called, for people.
 * @throws EndlessCall when it has not returned after `ms` of wall-clock time. Whatever it changed is half done.
 */
export function callWithin<T>(ms: number, what: string, call: () => T): T {
  let result: T | undefined;
  slot[SLOT] = () => {
    result = call();
  };
  try {
    script.runInThisContext({ timeout: ms });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? new EndlessCall(what, ms) : error;
  } finally {
    Reflect.deleteProperty(slot, SLOT);
  }
  return result as T;
}
