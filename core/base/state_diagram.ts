/**
 * A state machine as Mermaid text.
 *
 * @module
 */
import type { CompiledEdge, CompiledState, StateChart } from "./state_chart.ts";

/** A `stateDiagram-v2`; what is active has the class `active`. */
export function stateDiagram(chart: StateChart, active: readonly CompiledState[]): string {
  const [root] = chart.states;
  const lines = ["stateDiagram-v2"];
  for (const state of chart.states.slice(1)) {
    if (plain(state) !== state.name) lines.push(`  state ${quoted(state.name)} as ${plain(state)}`);
  }
  lines.push(`  [*] --> ${plain(chart.initial.active[chart.initial.active.length - 1])}`);
  for (const child of root.children) lines.push(...nested(child, "  "));
  for (const edge of chart.edges) lines.push(`  ${plain(edge.from)} --> ${plain(edge.to)}${label(edge)}`);
  lines.push("  classDef active fill:#cfe8cf,stroke:#2f6f2f");
  for (const state of active) if (state.children.length === 0) lines.push(`  class ${plain(state)} active`);
  return lines.join("\n") + "\n";
}

function nested(state: CompiledState, indent: string): string[] {
  if (state.children.length === 0) return [`${indent}${plain(state)}`];
  const inner = state.children.flatMap((child, at) => [
    ...state.parallel && at > 0 ? [`${indent}  --`] : [],
    ...nested(child, `${indent}  `),
  ]);
  const start = state.initial === null ? [] : [`${indent}  [*] --> ${plain(state.initial)}`];
  return [`${indent}state ${plain(state)} {`, ...start, ...inner, `${indent}}`];
}

function label({ on, guards }: CompiledEdge): string {
  const words = [...on === undefined ? [] : [on], ...guards.map(({ message }) => `[unless ${message}]`)].join(" ");
  return words === "" ? "" : ` : ${text(words)}`;
}

/** A name that Mermaid takes as it is, or one made of the state's number. */
function plain({ name, index }: CompiledState): string {
  return /^[A-Za-z]\w*$/.test(name) && !/^(?:state|end|class|note|direction|as)$/i.test(name) ? name : `state_${index}`;
}

function quoted(name: string): string {
  return `"${text(name)}"`;
}

/** Without the signs that mean something to Mermaid. */
function text(words: string): string {
  return words.replace(/["#;:\n\r{}]/g, " ");
}
