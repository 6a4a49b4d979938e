/**
 * What the coordinator shows: a table that is drawn over itself on a terminal, lines elsewhere.
 *
 * @module
 */
import type { AgentView, CoordinatorEvent, CoordinatorSummary } from "../../core/processes/process_coordinator.ts";

/** Where it is shown. */
export interface TableScreen {
  /** Writes text. */
  write(text: string): void;
  /** Width of the terminal; null when it is none. */
  columns(): number | null;
}

/** What is shown. */
export interface TableSource {
  /** Agents at work. */
  readonly agents: readonly AgentView[];
  /** Counts. */
  readonly summary: CoordinatorSummary;
}

const HEADING = "  request                          role              phase      seconds      bytes      pid";

/** One line of what has happened. */
export function eventLine(event: CoordinatorEvent): string {
  if (event.event === "started") return `started   ${event.requestId} (${event.agentRole})`;
  if (event.event === "rejected") return `rejected  ${event.requestFile}: ${event.reason}`;
  if (event.event === "recovered") {
    return `recovered ${event.putBack.length} put back, ${event.unknown.length} of unknown fate, ${event.reaped} processes ended`;
  }
  const why = event.failureReason === null ? "" : ` (${event.failureReason}${event.error === undefined ? "" : `: ${event.error}`})`;
  return `${event.status.padEnd(9)} ${event.requestId} after ${(event.durationMs / 1_000).toFixed(1)} s${why}`;
}

/** The table's lines. */
export function tableLines({ agents, summary }: TableSource): string[] {
  const { completed, failed, rejected } = summary;
  const rows = agents.map(({ requestId, agentRole, phase, runningMs, outputBytes, pid }) =>
    [
      `  ${requestId.slice(0, 32).padEnd(33)}${agentRole.slice(0, 17).padEnd(18)}${phase.padEnd(9)}`,
      `${(runningMs / 1_000).toFixed(1).padStart(9)}${String(outputBytes).padStart(11)}${String(pid ?? "–").padStart(9)}`,
    ].join("")
  );
  return [
    `${agents.length} at work, ${completed} completed, ${failed} failed, ${rejected} rejected`,
    ...(rows.length > 0 ? [HEADING, ...rows] : []),
  ];
}

/** A table on a screen. Events stay above it. */
export class LiveTable {
  #drawn = 0;

  /** Draws nothing yet. */
  constructor(private readonly screen: TableScreen, private readonly source: TableSource) {}

  /** Shows what has happened. */
  event(event: CoordinatorEvent): void {
    this.line(eventLine(event));
  }

  /** Shows a line above it. */
  line(text: string): void {
    this.#erase();
    this.screen.write(`${text}\n`);
    this.draw();
  }

  /** Draws it anew; nothing where there is no terminal. */
  draw(): void {
    const columns = this.screen.columns();
    if (columns === null) return;
    this.#erase();
    const lines = tableLines(this.source).map((line) => line.slice(0, Math.max(1, columns - 1)));
    this.screen.write(`${lines.join("\n")}\n`);
    this.#drawn = lines.length;
  }

  /** Leaves what is drawn. */
  end(): void {
    this.draw();
    this.#drawn = 0;
  }

  /** The cursor goes to the table's first line, and all below is cleared. */
  #erase(): void {
    if (this.#drawn > 0) this.screen.write(`\x1b[${this.#drawn}F\x1b[J`);
    this.#drawn = 0;
  }
}
