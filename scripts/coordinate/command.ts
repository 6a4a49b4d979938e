/**
 * The command: understands its line, runs the coordinator, shows what happens, drains at Ctrl-C.
 *
 * @module
 */
import { ConfigError, isKernelError } from "../../core/base/errors.ts";
import { type CoordinatorEvent, type CoordinatorOptions, ProcessCoordinator } from "../../core/processes/process_coordinator.ts";
import { type CoordinateArguments, parseCoordinateArguments } from "./arguments.ts";
import { helpText } from "./help.ts";
import { LiveTable } from "./live_table.ts";

/** What the command touches outside itself; tests hand in their own. */
export interface CoordinateWorld {
  /** Writes to stdout. */
  out(text: string): void;
  /** Writes to stderr. */
  err(text: string): void;
  /** Width of the terminal that stderr is; null when it is none. */
  columns(): number | null;
  /** A variable of the environment. */
  variable(name: string): string | undefined;
  /** Calls back at each Ctrl-C, SIGTERM, and when the terminal is closed; returns what ends that. */
  onInterrupt(callback: () => void): () => void;
}

/** What an exit code means. */
export const EXIT = { completed: 0, failed: 1, usage: 2, interrupted: 130 } as const;

const DRAW_INTERVAL_MS = 500;

/** Does what the command line says and returns the exit code. */
export async function runCoordinate(argv: readonly string[], world: CoordinateWorld = system): Promise<number> {
  try {
    const options = parseCoordinateArguments(argv);
    if (options.help) {
      world.out(helpText());
      return EXIT.completed;
    }
    await checkPermissions();
    return await coordinate(options, world);
  } catch (error) {
    if (!isKernelError(error) || error.code !== "CONFIG") throw error;
    world.err(`${error.message}\n`);
    return EXIT.usage;
  }
}

/** Names every missing flag at once. */
async function checkPermissions(): Promise<void> {
  const names = ["read", "write", "run", "env"] as const;
  const states = await Promise.all(names.map(async (name) => (await Deno.permissions.query({ name })).state));
  const missing = names.filter((_, i) => states[i] === "denied" || states[i] === "prompt").map((name) => `--allow-${name}`);
  if (missing.length > 0) throw new ConfigError("permissions", `run the script with ${missing.join(" ")}.`, { missing });
}

async function coordinate(options: CoordinateArguments, world: CoordinateWorld): Promise<number> {
  const { folder = world.variable("SWARM_DIR") || ".swarm", once, json, help: _help, ...rest } = options;
  let show = (_event: CoordinatorEvent): void => undefined;
  const defined = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as typeof rest;
  const given: CoordinatorOptions = { ...defined, folder, variable: world.variable, onEvent: (event) => show(event) };
  const coordinator = await ProcessCoordinator.open(given);
  const draining = new AbortController();
  const { out, err, columns } = untilGone(world, (why) => {
    draining.abort();
    if (json) err(`draining: the output cannot be written any more: ${why}\n`);
  });
  const table = new LiveTable({ write: err, columns }, coordinator);
  show = json ? (event) => out(`${JSON.stringify(event)}\n`) : (event) => table.event(event);
  const drawing = setInterval(() => json ? undefined : table.draw(), DRAW_INTERVAL_MS);
  const stopListening = world.onInterrupt(() => {
    if (draining.signal.aborted) return coordinator.stopAll();
    draining.abort();
    if (!json) table.line("draining: agents at work may end; press Ctrl-C again to end them");
  });
  try {
    const summary = await coordinator.run({ once, signal: draining.signal });
    if (json) out(`${JSON.stringify({ event: "summary", ...summary })}\n`);
    else table.end();
    if (!json && columns() === null) {
      err(`${summary.completed} completed, ${summary.failed} failed, ${summary.rejected} rejected\n`);
    }
    if (draining.signal.aborted) return EXIT.interrupted;
    return summary.failed + summary.rejected === 0 ? EXIT.completed : EXIT.failed;
  } finally {
    clearInterval(drawing);
    stopListening();
  }
}

type Screen = Pick<CoordinateWorld, "out" | "err" | "columns">;

/** Shows until that fails: a terminal that was closed, or a reader that has left, is an interrupt, and no reason to leave agents at work alone. */
function untilGone(world: Screen, onGone: (why: string) => void): Screen {
  const gone = new Set<keyof Screen>();
  const tried = <T>(name: keyof Screen, act: () => T, otherwise: T): T => {
    if (gone.has(name)) return otherwise;
    try {
      return act();
    } catch (error) {
      gone.add(name);
      onGone((error as Error).message);
      return otherwise;
    }
  };
  return {
    out: (text) => tried("out", () => world.out(text), undefined),
    err: (text) => tried("err", () => world.err(text), undefined),
    columns: () => tried("columns", () => world.columns(), null),
  };
}

const encoder = new TextEncoder();

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  for (let rest = encoder.encode(text); rest.length > 0;) rest = rest.subarray(stream.writeSync(rest));
}

/** The real one. */
export const system: CoordinateWorld = {
  out: (text) => writeAll(Deno.stdout, text),
  err: (text) => writeAll(Deno.stderr, text),
  columns: () => Deno.stderr.isTerminal() ? Deno.consoleSize().columns : null,
  variable: (name) => Deno.env.get(name),
  onInterrupt(callback) {
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) Deno.addSignalListener(signal, callback);
    return () => signals.forEach((signal) => Deno.removeSignalListener(signal, callback));
  },
};
