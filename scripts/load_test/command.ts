/**
 * The command: understands its line, runs the scenarios, shows and writes what they came to.
 *
 * @module
 */
import { ConfigError, InvalidArgumentError } from "../../core/base/errors.ts";
import { EXIT, system, type World } from "../validate/command.ts";
import { runWithin } from "../validate/limits.ts";
import { readSurroundings } from "../validate/machine.ts";
import { drawBar, type ProgressScreen } from "../validate/progress.ts";
import { checkReportFile } from "../validate/report_file.ts";
import { loadHelp, parseLoadArguments } from "./arguments.ts";
import { type LoadOptions, type LoadProgress, type LoadRun, runLoadTest } from "./load_tester.ts";
import { messagesOf } from "./plans.ts";
import { loadJson, loadMarkdown, loadText, makeLoadReport } from "./report.ts";

/** What the command touches outside itself. */
export interface LoadWorld extends Omit<World, "makeValidator"> {
  /** Runs the scenarios. */
  run(options: LoadOptions): Promise<LoadRun>;
}

/** Does what the command line says and returns the exit code. */
export async function runLoadCommand(argv: readonly string[], world: LoadWorld = { ...system, run: runLoadTest }): Promise<number> {
  try {
    const { help, plans, reports, threads } = parseLoadArguments(argv);
    if (help) {
      world.out(loadHelp());
      return EXIT.passed;
    }
    for (const path of reports) await checkReportFile(path);
    const timestamp = new Date().toISOString();
    const surroundings = await readSurroundings();
    const view = progress({ write: world.err, columns: world.columns });
    const ending = await runWithin(
      { graceMs: world.graceMs, onInterrupt: world.onInterrupt, exitNow: world.exitNow, say: world.err },
      (signal) => world.run({ plans, threads, signal, onProgress: view.update }),
    ).finally(view.end);
    const expected = plans.reduce((sum, plan) => sum + messagesOf(plan), 0);
    const report = makeLoadReport(ending.value!, surroundings, timestamp, expected); // without a time limit there is always a value
    for (const path of reports) await Deno.writeTextFile(path, path.endsWith(".md") ? loadMarkdown(report) : loadJson(report));
    world.out(loadText(report));
    return ending.interrupted ? EXIT.interrupted : report.success ? EXIT.passed : EXIT.failed;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError || error instanceof ConfigError)) throw error;
    world.err(`${error.message}\n`);
    return EXIT.usage;
  }
}

/** One bar that is drawn over itself on a terminal; elsewhere a line for each phase. */
function progress(screen: ProgressScreen): { update: (progress: LoadProgress) => void; end: () => void } {
  let last = "";
  return {
    update({ scenario, index, total, phase, delivered, messages }) {
      const place = `[${index + 1}/${total}] ${scenario}: ${phase}`;
      if (screen.columns() !== null) {
        if (last !== "" && last !== place) screen.write("\n");
        drawBar(screen, delivered / messages, `${place}, ${delivered.toLocaleString("en-US")} messages`);
      } else if (last !== place) screen.write(`${place}\n`);
      last = place;
    },
    end() {
      if (last !== "" && screen.columns() !== null) screen.write("\n");
    },
  };
}
