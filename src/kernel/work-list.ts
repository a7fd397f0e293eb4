/**
 * A vhost worker's work list (drivers/vhost/vhost.c, vhost_work_queue and vhost_worker): a FIFO on which each item
 * stands once at most. An item is unlinked before it runs, so an event that comes while it runs queues it again, behind
 * the others.
 */
export class VhostWorkList {
  private readonly queued: boolean[];
  private readonly list: number[] = [];

  constructor(items: number) {
    this.queued = new Array<boolean>(items).fill(false);
  }

  /** Appends an item, unless it is queued already. */
  enqueue(item: number): void {
    if (this.queued[item]) return;
    this.queued[item] = true;
    this.list.push(item);
  }

  /** Unlinks the first item; -1 when the list is empty. */
  next(): number {
    if (this.list.length === 0) return -1;
    const item = this.list.shift()!;
    this.queued[item] = false;
    return item;
  }

  get empty(): boolean {
    return this.list.length === 0;
  }
}
