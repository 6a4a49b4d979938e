/**
 * Progress of a run, for eyes: one bar that is drawn over itself on a terminal; elsewhere a line at the start and end of each scenario and at
 * most one each ten seconds between.
 *
 * @module
 */
import type { Progress } from "../../core/validation/scenario_runner.ts";

/** Where progress is shown. */
export interface ProgressScreen {
  /** Writes text as it is. */
  write(text: string): void;
  /** Width in characters when it is a terminal; null elsewhere. */
  columns(): number | null;
}

/** Shows a run. */
export interface ProgressView {
  /** Takes one report. */
  update(progress: Progress): void;
  /** The run has ended, in whatever way: leaves the cursor on an empty line. */
  end(): void;
}

const LINE_EVERY_MS = 10_000;
const BAR_WIDTH = 24;

/** A view for the screen. */
export function progressView(screen: ProgressScreen): ProgressView {
  return screen.columns() === null ? lines(screen) : bar(screen);
}

function lines(screen: ProgressScreen): ProgressView {
  let last: Progress | null = null;
  let saidAtMs = 0;
  const finish = (): void => {
    if (last !== null) screen.write(`${place(last)} ended after ${seconds(last.elapsedMs)} s of load\n`);
  };
  return {
    update(progress) {
      if (last === null || last.index !== progress.index) {
        finish();
        saidAtMs = 0;
        screen.write(`${place(progress)} started, ${seconds(progress.durationMs)} s of load\n`);
      } else if (progress.elapsedMs - saidAtMs >= LINE_EVERY_MS && progress.elapsedMs < progress.durationMs) {
        saidAtMs = progress.elapsedMs;
        screen.write(`${place(progress)} ${details(progress)}, ${seconds(progress.elapsedMs)} of ${seconds(progress.durationMs)} s\n`);
      }
      last = progress;
    },
    end() {
      finish();
      last = null;
    },
  };
}

function bar(screen: ProgressScreen): ProgressView {
  let index: number | null = null;
  return {
    update(progress) {
      if (index !== null && index !== progress.index) screen.write("\n");
      index = progress.index;
      drawBar(screen, progress.elapsedMs / progress.durationMs, `${place(progress)} ${details(progress)}`);
    },
    end() {
      if (index !== null) screen.write("\n");
      index = null;
    },
  };
}

/** Draws a bar over the one before; `share` is from 0 to 1. */
export function drawBar(screen: ProgressScreen, share: number, text: string): void {
  const done = Math.min(1, Math.max(0, share));
  const full = Math.round(done * BAR_WIDTH);
  const line = `${"█".repeat(full)}${"░".repeat(BAR_WIDTH - full)} ${String(Math.floor(done * 100)).padStart(3)} % ${text}`;
  // A line as wide as the terminal would wrap, and then be drawn below itself.
  const width = Math.max(1, (screen.columns() ?? 80) - 1);
  screen.write("\r" + line.slice(0, width).padEnd(width));
}

function place({ scenario, index, total }: Progress): string {
  return `[${index + 1}/${total}] ${scenario}:`;
}

function details({ phase, agents, messagesPerSecond }: Progress): string {
  return `${phase}, ${grouped(agents)} agents, ${grouped(messagesPerSecond)} messages/s`;
}

function seconds(ms: number): string {
  return String(Math.round(ms / 100) / 10);
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
