/**
 * In Linux: nothing; the timer of a tester that sends a stream.
 * In: a rate, and the time of each look. Out: when the next frame of generator.ts is due.
 * Thread: the generator's.
 */
import type { TrafficSource } from '../../src/net/traffic/traffic-source.ts';

/** How the frames of a stream are spaced in time. */
export interface StreamPacing {
  /** Bursts at equal distances, or at exponentially distributed ones (a Poisson process of bursts). */
  readonly pattern: 'constant' | 'poisson';
  /** Frames sent back to back. */
  readonly burst: number;
  readonly seed: number;
}

/** One stream's place in time. */
export class PacedStream {
  readonly source: TrafficSource;
  private readonly poisson: boolean;
  private readonly ownBurst: number;
  private burst: number;
  private random: number;
  gapNs = 0;
  /** When the next frame is due; Infinity while the stream is off. */
  dueNs = Infinity;
  private burstLeft = 0;
  /** Frames sent, and so the number of the next one. */
  seq = 0;
  /** Frames that were due and never will be sent: when the pace changed, or for want of wire. */
  private abandoned = 0;
  /** What paces it besides the number of frames: see Scale; null for nothing. */
  private places: Float64Array | null = null;
  private perFrame = 0;
  /** Frames of a round, and its length on the scale. */
  private roundFrames = 1;
  private round = 0;
  /** Time of one step on the scale, and of its beginning. */
  private stepNs = 0;
  private epochNs = 0;
  /** The first frame of the burst: its place in its round, and how far the rounds before it have come. */
  private at = 0;
  private before = 0;
  /** Where on the scale the next burst begins. */
  private place = 0;

  constructor(source: TrafficSource, pacing: StreamPacing) {
    this.source = source;
    this.poisson = pacing.pattern === 'poisson';
    this.ownBurst = pacing.burst;
    this.burst = pacing.burst;
    this.random = pacing.seed | 1;
  }

  /**
   * Starts, stops or changes pace from `nowNs` on. @param pacedBy one of the PACED_BY_ values.
   * @param burst frames back to back; 0 for the stream's own number.
   */
  setRate(fps: number, pacedBy: number, nowNs: number, burst = 0): void {
    this.abandoned += this.behind(nowNs);
    this.burst = burst > 0 ? burst : this.ownBurst;
    this.gapNs = fps > 0 ? (1e9 * this.burst) / fps : Infinity;
    this.burstLeft = this.burst;
    const scale = fps > 0 ? (this.source.schedule?.scaleOf(pacedBy) ?? null) : null;
    this.places = scale === null ? null : scale.places;
    if (scale === null) {
      this.dueNs = fps > 0 ? nowNs + this.nextGapNs() : Infinity;
      return;
    }
    this.perFrame = scale.perFrame;
    this.roundFrames = scale.places.length - 1;
    this.round = scale.places[this.roundFrames] + this.perFrame * this.roundFrames;
    this.stepNs = (1e9 * this.roundFrames) / (fps * this.round);
    this.dueNs = nowNs;
    this.beginScale(scale.places);
  }

  /** Has the scale begin so that the next frame stands where it is due. */
  private beginScale(places: Float64Array): void {
    this.at = this.seq % this.roundFrames;
    this.before = ((this.seq - this.at) / this.roundFrames) * this.round;
    this.place = this.before + places[this.at] + this.perFrame * this.at;
    this.epochNs = this.dueNs - this.place * this.stepNs;
  }

  /** One frame was sent: the next of the burst is due at once, a new burst after a gap. */
  advance(): void {
    this.seq++;
    if (--this.burstLeft === 0) this.nextBurst();
  }

  private nextBurst(): void {
    this.burstLeft = this.burst;
    if (this.places === null) this.dueNs += this.nextGapNs();
    else this.goOn(this.places);
  }

  /** The burst after this one is due where its first frame stands, or, at random, after a gap of that mean. */
  private goOn(places: Float64Array): void {
    this.at += this.burst;
    while (this.at >= this.roundFrames) {
      this.at -= this.roundFrames;
      this.before += this.round;
    }
    const place = this.before + places[this.at] + this.perFrame * this.at;
    // From the beginning of the scale each time: nothing that is rounded adds up.
    if (this.poisson) this.dueNs += (place - this.place) * this.stepNs * this.nextExponential();
    else this.dueNs = this.epochNs + place * this.stepNs;
    this.place = place;
  }

  /** Gives up what was due before `untilNs` and has not been sent: no frame, but its time. The next one takes it up. */
  abandon(untilNs: number): void {
    while (this.dueNs < untilNs) {
      this.abandoned += this.burstLeft;
      this.nextBurst();
    }
    if (this.places !== null) this.beginScale(this.places);
  }

  /** Frames due since the beginning. */
  offered(nowNs: number): number {
    return this.seq + this.abandoned + this.behind(nowNs);
  }

  private behind(nowNs: number): number {
    if (this.dueNs > nowNs) return 0;
    if (this.places !== null && !this.poisson) return this.behindOnScale(this.places, nowNs);
    return this.burstLeft + Math.floor((nowNs - this.dueNs) / this.gapNs) * this.burst;
  }

  /** Frames not sent of all bursts that begin at places that the time has reached. */
  private behindOnScale(places: Float64Array, nowNs: number): number {
    const reached = (nowNs - this.epochNs) / this.stepNs;
    const rounds = Math.floor(reached / this.round);
    const rest = reached - rounds * this.round;
    let low = 0;
    let high = this.roundFrames;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[middle] + this.perFrame * middle <= rest) low = middle + 1;
      else high = middle;
    }
    const sentOfBurst = this.burst - this.burstLeft;
    const dueFromBurst = rounds * this.roundFrames + low - (this.seq - sentOfBurst);
    const due = Math.ceil(dueFromBurst / this.burst) * this.burst - sentOfBurst;
    return due > this.burstLeft ? due : this.burstLeft;
  }

  private nextGapNs(): number {
    return this.poisson ? this.nextExponential() * this.gapNs : this.gapNs;
  }

  /** Of mean 1. */
  private nextExponential(): number {
    // Marsaglia's xorshift32; its state is never zero, so the logarithm is finite.
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return -Math.log((x >>> 0) / 4_294_967_296);
  }
}
