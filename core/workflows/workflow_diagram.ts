/**
 * An execution as Mermaid text.
 *
 * @module
 */
import type { Run } from "./run.ts";
import type { StepState, Unit } from "./unit.ts";

const COLOURS: Readonly<Record<StepState, string>> = {
  PENDING: "#eeeeee",
  WAITING: "#fff2b3",
  RUNNING: "#b3d7ff",
  COMPLETED: "#c3e6c3",
  SKIPPED: "#f7f7f7",
  FAILED: "#f5b5b5",
  CANCELLED: "#d9d9d9",
  COMPENSATED: "#e2c8f0",
};

/** A flowchart; each step carries its state as its class. */
export function flowchart(run: Run): string {
  const lines = ["flowchart TD"];
  for (const unit of run.units) lines.push(`  s${unit.step.index}["${label(unit)}"]:::${unit.state}`);
  for (const { step } of run.units) for (const place of step.dependencies) lines.push(`  s${place} --> s${step.index}`);
  for (const state of new Set(run.units.map(({ state }) => state))) {
    lines.push(`  classDef ${state} fill:${COLOURS[state]}${state === "SKIPPED" ? ",stroke-dasharray:4" : ""}`);
  }
  return lines.join("\n") + "\n";
}

function label({ step, state, items, open, attempts }: Unit): string {
  const name = step.id.replace(/["<>&#;\n\r]/g, " ");
  const done = items === null ? "" : ` ${items.length - open}/${items.length}`;
  const tries = attempts > 1 ? `, try ${attempts}` : "";
  return `${name}<br/>${state}${done}${tries}`;
}
