/** A bounded record of control-plane steps as lines for people: the newest `linesMax` are kept, older ones counted. */
export class Transcript {
  private readonly linesMax: number;
  private readonly kept: string[] = [];
  private dropped = 0;

  constructor(linesMax = 512) {
    this.linesMax = linesMax;
  }

  add(line: string): void {
    this.kept.push(line);
    if (this.kept.length <= this.linesMax) return;
    this.kept.shift();
    this.dropped++;
  }

  /** The lines in order, headed by a count of those no longer kept. */
  lines(): readonly string[] {
    return this.dropped === 0 ? [...this.kept] : [`... ${this.dropped} earlier lines`, ...this.kept];
  }
}
