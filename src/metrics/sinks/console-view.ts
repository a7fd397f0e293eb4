import type { Subscription } from 'rxjs';
import { renderFrame } from './console-frame.ts';
import type { IntervalRecord } from '../derive/interval-record.ts';
import type { LiveRun } from '../derive/live-run.ts';
import type { Paint } from '../text/text-table.ts';

/** The part of a terminal's stream that the view needs. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  write(text: string): boolean;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** DEC private modes of xterm: alternate screen with saved cursor (1049), cursor (25), automatic wrap (7). */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';

/**
 * Shows a run on the terminal's alternate screen, redrawn in place at each interval and when the window changes size:
 * what was on the terminal before is there again after `close`, and nothing ever scrolls.
 */
export class ConsoleView {
  private readonly live: LiveRun;
  private readonly screen: Screen;
  private readonly paint: Paint;
  private readonly subscription: Subscription;
  private latest: IntervalRecord | null = null;
  private previous: IntervalRecord | null = null;
  private closed = false;
  private readonly redraw = (): void => this.draw();
  private readonly leave = (): void => this.close();

  constructor(live: LiveRun, screen: Screen, paint: Paint) {
    this.live = live;
    this.screen = screen;
    this.paint = paint;
    screen.write(ENTER);
    screen.on('resize', this.redraw);
    // However the program ends, the user gets the terminal back.
    process.once('exit', this.leave);
    this.subscription = live.intervals.subscribe({
      next: (record) => {
        this.previous = this.latest;
        this.latest = record;
        this.draw();
      },
      complete: this.leave,
      error: this.leave,
    });
  }

  /** Gives the terminal back. May be called more than once. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    // Undefined while the constructor's own subscribe call is still running.
    (this.subscription as Subscription | undefined)?.unsubscribe();
    this.screen.off('resize', this.redraw);
    process.off('exit', this.leave);
    this.screen.write(LEAVE);
  }

  private draw(): void {
    if (this.latest === null || this.closed) return;
    const { columns, rows } = this.screen;
    const lines = renderFrame(this.live.heading, this.latest, this.previous, { columns, rows }, this.paint);
    this.screen.write(HOME + lines.map((line) => line + ERASE_LINE).join('\r\n') + ERASE_BELOW);
  }
}
