/**
 * The text of `--help`.
 *
 * @module
 */
import { QUICK_DIVISOR, SCENARIOS } from "../../core/validation/scenarios.ts";

/** As it is typed: in a checkout, and from the published package. */
const SCRIPT = import.meta.url.startsWith("file:") ? "scripts/validate-stage3-performance.ts" : "jsr:@stage3/kernel/validate";

/** Options, scenarios, permissions, exit codes, examples. */
export function helpText(): string {
  const scenarios = SCENARIOS.map(({ name, displayName, agents, durationMs }) =>
    `  ${name.padEnd(34)}${displayName.padEnd(25)}${String(agents).padStart(6)} agents ${String(durationMs / 1_000).padStart(4)} s`
  );
  return `Runs the performance scenarios on this machine and judges them by the same targets.

Usage: deno run --allow-read --allow-sys ${SCRIPT} [options]

Options:
  --scenario <name>      scenario to run, by name, display name or any unambiguous prefix; may be repeated or
                         joined by commas (default: all)
  --duration <ms>        duration of the load of each scenario, instead of its own
  --agents <n>           agents of each scenario, instead of its own
  --threads <n>          worker threads, 2 or more (default: cores - 1, at least 2 and at most 8)
  --quick                each scenario's own duration divided by ${QUICK_DIVISOR}
  --verbose              all percentiles, targets, counts and regions (with --output console)
  --report <file.json>   also write the JSON report to this file (needs --allow-write=<file.json>)
  --output <format>      what goes to stdout: console, json or csv (default: console); progress goes to stderr
  --timeout <ms>         limit of the whole run; when it is reached the run ends and counts as failed
  --help, -h             this text

Scenarios:
${scenarios.join("\n")}

Permissions: none is required and none is asked for. --allow-sys names the machine, its processor and its memory;
--allow-read finds the commit, --allow-all the container's memory limit. What a missing permission hides is null in the
report, with the flag that is missing.

Exit codes: 0 every target met, 1 a target missed or timed out, 2 usage or permission, 130 interrupted (the report
is still written; a second Ctrl-C exits at once).

Examples:
  deno run --allow-all ${SCRIPT}
  deno run --allow-all ${SCRIPT} --scenario baseline --quick
  deno run --allow-all ${SCRIPT} --scenario high-concurrency-validation --duration 120000 --agents 2000
  deno run --allow-all ${SCRIPT} --scenario "Peak Load,Ultra High Load" --verbose --report ./validation-report.json
  deno run --allow-read --allow-sys ${SCRIPT} --output csv > results.csv
`;
}
