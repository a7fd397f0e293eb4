/**
 * One call at a time between two threads, of which neither blocks: the caller posts and polls, the server answers
 * between two of its passes. The state is one shared word; what is asked and answered lies beside it, written by the
 * caller before `post` and by the server before `answer`.
 *
 *     IDLE -> REQUEST (caller) -> RESPONSE (server) -> IDLE (caller)
 *
 * Whoever moves the state rings the other's doorbell; doorbells belong to the actors.
 */
const IDLE = 0;
const REQUEST = 1;
const RESPONSE = 2;

export class Mailbox {
  private readonly words: Int32Array;
  private readonly stateWord: number;

  /** Either end. @param stateWord a zeroed word of memory that both threads see. */
  constructor(words: Int32Array, stateWord: number) {
    this.words = words;
    this.stateWord = stateWord;
  }

  /** Caller: nothing is under way, and the next request may be written. */
  get idle(): boolean {
    return Atomics.load(this.words, this.stateWord) === IDLE;
  }

  /** Caller: the request is written. */
  post(): void {
    Atomics.store(this.words, this.stateWord, REQUEST);
  }

  /** Server: a request waits for its answer; the look before sleeping. */
  get requested(): boolean {
    return Atomics.load(this.words, this.stateWord) === REQUEST;
  }

  /** Server: the answer is written. */
  answer(): void {
    Atomics.store(this.words, this.stateWord, RESPONSE);
  }

  /** Caller: an answer waits to be read; the look before sleeping. */
  get answered(): boolean {
    return Atomics.load(this.words, this.stateWord) === RESPONSE;
  }

  /** Caller: the answer is read. */
  finish(): void {
    Atomics.store(this.words, this.stateWord, IDLE);
  }
}
