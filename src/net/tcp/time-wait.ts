/** 2 MSL: nothing lives that long in the queues of a path. The oldest connection gives way where room is needed. */
export const TIME_WAIT_NS = 1e9;
/** Connections in TIME-WAIT that whoever opens many, and closes them first, remembers besides the open ones. */
export const TIME_WAIT_CONNECTIONS = 1024;

/**
 * Connections in TIME-WAIT, the one that has waited longest first. All wait equally long, so they leave in the order
 * they came. Allocates nothing after construction.
 */
export class TimeWaitLine {
  private readonly line: Int32Array;
  private first = 0;
  private length = 0;

  constructor(connectionsMax: number) {
    this.line = new Int32Array(connectionsMax);
  }

  get count(): number {
    return this.length;
  }

  add(connection: number): void {
    this.line[(this.first + this.length++) % this.line.length] = connection;
  }

  /** Takes the first; the caller has looked at `count`. */
  take(): number {
    const connection = this.line[this.first];
    this.first = (this.first + 1) % this.line.length;
    this.length--;
    return connection;
  }
}
