/**
 * The command line of the load test.
 *
 * @module
 */
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { HOSTS_MAX } from "../../core/memory/layout.ts";
import { accepted, isHelp, readOptions, wholeNumber } from "../validate/option_reader.ts";
import { reportPaths } from "../validate/report_file.ts";
import { LOAD_PLANS, type LoadPlan, messagesOf } from "./plans.ts";

/** A command line that was understood. */
export interface LoadArguments {
  /** Only print the help. */
  readonly help: boolean;
  /** In the document's order; all when none was named. */
  readonly plans: readonly LoadPlan[];
  /** Files for the report; `.md` or `.json`. */
  readonly reports: readonly string[];
  /** Worker threads; the default when absent. */
  readonly threads?: number;
}

/** Fewer cannot pass: messages must cross threads. */
const THREADS_MIN = 2;
const NAMES: readonly string[] = [...LOAD_PLANS.map(({ name }) => name), "all"];
const SYNTAX = {
  values: {
    scenario: `one or more of ${NAMES.join(", ")}, joined by commas`,
    report: "the path of a file that ends in .md or .json",
    threads: accepted(THREADS_MIN, HOSTS_MAX - 1),
  },
  flags: ["help"],
  meant: "scenario",
};

/** Understands a command line, or throws `InvalidArgumentError` or `ConfigError` with the one sentence to print. */
export function parseLoadArguments(argv: readonly string[]): LoadArguments {
  if (isHelp(argv)) return { help: true, plans: [], reports: [] };
  const given = readOptions(argv, SYNTAX);
  const threads = wholeNumber("threads", given.get("threads"), THREADS_MIN, HOSTS_MAX - 1);
  return { help: false, plans: plansOf(given.get("scenario") ?? ["all"]), reports: reportPaths(given.get("report")), threads };
}

function plansOf(values: readonly string[]): LoadPlan[] {
  const names = values.flatMap((value) => value.split(",")).map((name) => name.trim().toLowerCase());
  for (const name of names) {
    if (!NAMES.includes(name)) throw new InvalidArgumentError("--scenario", name, `give one or more of ${NAMES.join(", ")}.`);
  }
  return names.includes("all") ? [...LOAD_PLANS] : LOAD_PLANS.filter(({ name }) => names.includes(name));
}

/** The text of `--help`. */
export function loadHelp(): string {
  const number = (value: number): string => value.toLocaleString("en-US");
  const rows = LOAD_PLANS.map((plan) =>
    `  ${plan.name.padEnd(10)}${String(plan.agents).padStart(4)} agents × ${
      number(plan.messagesPerAgent).padStart(5)
    } messages × ${plan.rounds} rounds, ` +
    `${String(plan.concurrency).padStart(3)} of each on their way, ${number(plan.payloadBytes).padStart(5)} B: ${
      number(messagesOf(plan)).padStart(9)
    }`
  );
  return `Has agents on the kernel's threads write to each other, counts at the receivers, and judges it beside the owner's document.

Usage: deno run scripts/load_test.ts [options]

Options:
  --scenario <name>   low, medium, high, extreme or all; may be repeated or joined by commas (default: all)
  --report <file>     also write a report: Markdown to a .md file, JSON to a .json file; may be given for both
                      (needs --allow-write=<file>)
  --threads <n>       worker threads, 2 or more (default: cores - 1, at least 2 and at most 8)
  --help, -h          this text

Scenarios, with the messages that are delivered in closed loop; then the document's rate runs in open loop for up to 10 s:
${rows.join("\n")}
  all       ${number(LOAD_PLANS.reduce((sum, plan) => sum + messagesOf(plan), 0))} messages

No permission is needed; with --allow-sys the report names the machine, with --allow-read the commit.

Exit codes: 0 every figure of the document is beaten, 1 something was missed, 2 usage or permission, 130 interrupted.
`;
}
