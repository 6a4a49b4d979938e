/**
 * Reads a file of state (`persistence: { path }`), of either mode, of a process that runs, has crashed or has ended, and says what is in it. Changes nothing.
 *
 * ```sh
 * deno run --allow-read=state.kernel scripts/inspect.ts state.kernel
 * deno run --allow-read=state.kernel scripts/inspect.ts state.kernel --json | jq .store.check
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ConfigError, InvalidArgumentError, isKernelError } from "../core/base/errors.ts";
import { LOG_MAGIC } from "../core/memory/log_layout.ts";
import { inspectMapped } from "./inspect/mapped.ts";
import { inspectPortable } from "./inspect/portable.ts";
import { mappedText, portableText } from "./inspect/text.ts";

const HELP = `Says what is in a file of state, and changes nothing.

usage: deno run --allow-read=FILE scripts/inspect.ts FILE [options]

  --json        everything as JSON, for programs
  --agents N    at most N agents in the table, those last at work first (default 20; --json has all)
  --help        this text

FILE is what a manager was given as persistence.path, in either mode, or the log beside a mapped
file (FILE.log). Its process may run, may have crashed, or may have ended.

examples:
  deno run --allow-read=state.kernel scripts/inspect.ts state.kernel
  deno run --allow-read=state.kernel scripts/inspect.ts state.kernel --agents 100
  deno run --allow-read=state.kernel scripts/inspect.ts state.kernel --json | jq '.agents[] | select(.failed > 0)'

exit status: 0 everything is whole, 1 something in the file is damaged or missing, 2 it cannot be read, or bad usage
`;

const EXIT = { whole: 0, damaged: 1, unusable: 2 } as const;
const AGENTS_SHOWN = 20;

interface Arguments {
  readonly help: boolean;
  readonly path: string;
  readonly json: boolean;
  readonly agents: number;
}

function parse(argv: readonly string[]): Arguments {
  const options = { json: { type: "boolean" }, help: { type: "boolean", short: "h" }, agents: { type: "string" } } as const;
  const { values, positionals } = understood(() => parseArgs({ args: [...argv], options, allowPositionals: true }));
  const agents = values.agents === undefined ? AGENTS_SHOWN : /^\d{1,9}$/.test(values.agents) ? Number(values.agents) : NaN;
  if (Number.isNaN(agents)) throw new InvalidArgumentError("--agents", values.agents, "give a whole number.");
  if (!values.help && positionals.length !== 1) {
    throw new ConfigError("FILE", `${positionals.length} files were given; give one. --help has examples.`);
  }
  return { help: values.help ?? false, path: positionals[0], json: values.json ?? false, agents };
}

function understood<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw new ConfigError("command line", `${(error as Error).message} --help lists the options.`);
  }
}

/** Whether a file begins as a log does. Any other is read as a mapped one, which says what is wrong with it. */
function isLog(path: string): boolean {
  using file = Deno.openSync(path);
  const words = new Uint32Array(LOG_MAGIC.length);
  file.readSync(new Uint8Array(words.buffer));
  return LOG_MAGIC.every((word, index) => words[index] === word);
}

/** Does what the command line says; the exit code. */
export async function main(argv: readonly string[], print: (text: string) => void): Promise<number> {
  const { help, path, json, agents } = parse(argv);
  if (help) {
    print(HELP);
    return EXIT.whole;
  }
  if (isLog(path)) {
    const report = await inspectPortable(path);
    print(json ? JSON.stringify(report, null, 2) + "\n" : portableText(report, { agents }));
    return report.lost.places > 0 || report.headerDamaged ? EXIT.damaged : EXIT.whole;
  }
  const report = inspectMapped(path);
  print(json ? JSON.stringify(report, null, 2) + "\n" : mappedText(report, { agents }));
  return report.store.check.damaged > 0 || report.bytesMissing > 0 ? EXIT.damaged : EXIT.whole;
}

if (import.meta.main) {
  try {
    const encoder = new TextEncoder();
    const write = (text: string): void => {
      for (let bytes = encoder.encode(text); bytes.length > 0;) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
    };
    Deno.exitCode = await main(Deno.args, write);
  } catch (error) {
    console.error(isKernelError(error) ? `${error.name}: ${error.message}` : (error as Error)?.message ?? String(error));
    Deno.exitCode = EXIT.unusable;
  }
}
