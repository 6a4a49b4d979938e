/**
 * An effector that runs commands: argument lists, no shell, so that nothing in an event can become a command. It only says what it would run unless
 * `execute` is true.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { COMMANDS_KEPT_MAX } from "../base/limits.ts";
import { type Effector, type Measure, MEASURES } from "./effector.ts";

/** Commands of one measure; `{target}` stands for its target, as a whole argument or a part of one. */
export interface MeasureCommands {
  /** Takes it: program and arguments. */
  readonly take: readonly string[];
  /** Lifts it. */
  readonly lift?: readonly string[];
  /** What a target may look like. Default: letters, digits and `. : _ - @`, not beginning with a dash. */
  readonly target?: RegExp;
}

/** Options of a command effector. */
export interface CommandEffectorOptions {
  /** By measure. A measure without commands fails. */
  readonly commands: Partial<Record<Measure, MeasureCommands>>;
  /** Really runs them. Default false. */
  readonly execute?: boolean;
}

/** A command that was run, or would have been. */
export interface CommandRecord {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Exit status; null when it was not run. */
  readonly status: number | null;
}

/** A target becomes an argument: one that begins with a dash would be an option. */
const TARGET = /^[A-Za-z0-9_@][A-Za-z0-9._:@-]{0,254}$/;

/** Runs commands, or says which. */
export class CommandEffector implements Effector {
  readonly #options: CommandEffectorOptions;
  readonly #records: CommandRecord[] = [];

  /** Throws `InvalidArgumentError` for what is no list of arguments. */
  constructor(options: CommandEffectorOptions) {
    for (const [measure, commands] of Object.entries(options.commands)) {
      if (!Object.hasOwn(MEASURES, measure)) {
        throw new InvalidArgumentError("commands", measure, `use measures: ${Object.keys(MEASURES).join(", ")}.`);
      }
      for (const [name, list] of [["take", commands.take], ["lift", commands.lift ?? commands.take]] as const) {
        if (Array.isArray(list) && list.length > 0 && list.every((part) => typeof part === "string") && !list[0].includes("{target}")) {
          continue;
        }
        throw new InvalidArgumentError(`commands.${measure}.${name}`, list, "give a program and its arguments, a list of strings.");
      }
    }
    this.#options = options;
  }

  /** The last commands, oldest first. */
  get records(): readonly CommandRecord[] {
    return this.#records;
  }

  /** Throws `COMMAND_FAILED`, and `InvalidArgumentError` for a target that could be something else than one argument. */
  async take(measure: Measure, target: string, _details?: unknown, signal?: AbortSignal): Promise<CommandRecord> {
    return await this.#run(measure, "take", target, signal);
  }

  /** The same. */
  async lift(measure: Measure, target: string, signal?: AbortSignal): Promise<void> {
    if (this.#options.commands[measure]?.lift !== undefined) await this.#run(measure, "lift", target, signal);
  }

  async #run(measure: Measure, which: "take" | "lift", target: string, signal?: AbortSignal): Promise<CommandRecord> {
    const commands = this.#options.commands[measure];
    const template = commands?.[which];
    if (commands === undefined || template === undefined) {
      throw new KernelError("COMMAND_FAILED", `there is no command for ${measure}; give one in \`commands\`.`, { measure });
    }
    const wanted = commands.target ?? TARGET;
    // With the flags g and y an expression goes on where it was: every second target would be refused.
    if (typeof target !== "string" || !new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, "")).test(target)) {
      throw new InvalidArgumentError("target", target, `it must fit ${wanted} to become an argument.`);
    }
    const command = template.map((part) => part.replaceAll("{target}", () => target));
    const status = this.#options.execute === true ? await runCommand(command, signal) : null;
    const record: CommandRecord = { command, status };
    this.#records.push(record);
    if (this.#records.length > COMMANDS_KEPT_MAX) this.#records.shift();
    if (status !== null && status !== 0) {
      throw new KernelError("COMMAND_FAILED", `${command.join(" ")} ended with status ${status}.`, { command, status });
    }
    return record;
  }
}

async function runCommand([program, ...args]: readonly string[], signal?: AbortSignal): Promise<number> {
  try {
    return (await new Deno.Command(program, { args, signal, stdin: "null", stdout: "null", stderr: "null" }).output()).code;
  } catch (error) {
    const missing = error instanceof Deno.errors.NotCapable ? ` Add --allow-run=${program}.` : "";
    throw new KernelError("COMMAND_FAILED", `${program} could not be run: ${(error as Error).message}.${missing}`, { program }, {
      cause: error,
    });
  }
}
