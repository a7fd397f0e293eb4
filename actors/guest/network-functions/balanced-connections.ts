import { ENDPOINT_ABSENT, EndpointTable } from '../../../src/net/tables/endpoint-table.ts';

const ABSENT = ENDPOINT_ABSENT;
export const NO_CONNECTION = -1;

/*
 * Places looked at for idle connections: with each new batch, the same while somebody waits for connections to end,
 * with each new connection, and when the table is full.
 */
const SWEEP_BATCH = 4;
const SWEEP_WATCHED = 64;
const SWEEP_NEW = 2;
const SWEEP_FULL = 64;

/** Which backend each connection of one vCPU goes to, by its client's endpoint, until it has been idle for long. */
export class BalancedConnections {
  created = 0;
  expired = 0;
  /** Connections there are, by backend: those that have been idle too long count until they are found. */
  readonly live: Int32Array;
  private readonly table: EndpointTable;
  private readonly idleMs: number;
  private swept = 0;

  constructor(capacity: number, idleMs: number, backends: number) {
    this.live = new Int32Array(backends);
    this.table = new EndpointTable(capacity);
    this.idleMs = idleMs;
  }

  /** Once a batch: lets a few connections go that have been idle too long, and more while `watched`. */
  beginBatch(nowMs: number, watched: boolean): void {
    this.sweep(watched ? SWEEP_WATCHED : SWEEP_BATCH, nowMs);
  }

  /** The backend of a connection, which lives on with it, or NO_CONNECTION. */
  find(address: number, key: number, nowMs: number): number {
    const place = this.table.find(address, key);
    if (place === ABSENT) return NO_CONNECTION;
    if (this.isIdle(place, nowMs)) {
      this.release(place);
      return NO_CONNECTION;
    }
    this.table.setNote(place, (nowMs + this.idleMs) | 0);
    return this.table.value(place);
  }

  /** Notes a new connection; false when the table is full of living ones. */
  add(address: number, key: number, backend: number, nowMs: number): boolean {
    const { table } = this;
    this.sweep(table.count === table.capacity ? SWEEP_FULL : SWEEP_NEW, nowMs);
    if (table.add(address, key, backend, (nowMs + this.idleMs) | 0) === ABSENT) return false;
    this.created++;
    this.live[backend]++;
    return true;
  }

  /** Forgets a connection that is there. */
  remove(address: number, key: number): void {
    const place = this.table.find(address, key);
    this.live[this.table.value(place)]--;
    this.table.remove(place);
  }

  private sweep(places: number, nowMs: number): void {
    const { table } = this;
    for (let i = 0; i < places; i++) {
      // What is removed lets another connection move here, so the same place is looked at again.
      const place = table.placeAt(this.swept);
      if (place !== ABSENT && this.isIdle(place, nowMs)) this.release(place);
      else this.swept = this.swept + 1 === table.places ? 0 : this.swept + 1;
    }
  }

  private isIdle(place: number, nowMs: number): boolean {
    return ((this.table.note(place) - nowMs) | 0) <= 0;
  }

  private release(place: number): void {
    this.live[this.table.value(place)]--;
    this.table.remove(place);
    this.expired++;
  }
}
