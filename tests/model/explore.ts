/**
 * Explores the models: `every` order of their atomic steps, or so many drawn from a seed. Prints one line of JSON a model and ends with 1 when one failed.
 *
 * ```
 * deno run --no-config --no-lock --import-map=tests/model/import_map.json --allow-read=. tests/model/explore.ts
 *   --model "doorbell: one waker"   this model, or all whose name contains it
 *   --seed 7                        of the drawn orders (the seed stands in each failure)
 *   --long                          also the models that take minutes, and twenty times as many drawn orders
 *   --order 0,0,1                   one run with these choices, as a failure prints them; prints its steps
 *   --kill 2                        with it: kill the first thread after two steps
 * ```
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { Random } from "../../core/base/random.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";
import { Baton, STEPS_MAX } from "./baton.ts";
import { ARENA_BYTES, type Model, type Outcome } from "./model.ts";
import { MODELS } from "./models.ts";

/** One line of the output. */
export interface Finding {
  /** The model's name. */
  readonly model: string;
  /** Whether the model is as it should be; for a mutant: whether it was caught. */
  readonly ok: boolean;
  /** What is wrong, with the order that shows it; for a mutant: the order that caught it. */
  readonly report: string;
  /** Runs played. */
  readonly orders: number;
  /** Most steps in a run. */
  readonly stepsMax: number;
  /** How often each outcome was seen. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Wall time. */
  readonly elapsedMs: number;
}

const LONG = 20;
/** More orders than this mean that a model is too large for `every`. */
const ORDERS_MAX = 20_000_000;

/** One model with its threads, and what has been seen so far. */
class Exploration {
  readonly #memory: SharedMemory;
  readonly #baton: Baton;
  readonly #outcomes = new Map<string, number>();
  #orders = 0;
  #stepsMax = 0;
  #wrong = "";

  constructor(readonly model: Model, readonly seed: number) {
    this.#memory = allocateMemory(model.arenaBytes ?? ARENA_BYTES);
    this.#baton = Baton.allocate(model.threads.length);
  }

  async start(): Promise<void> {
    for (let me = 0; me < this.model.threads.length; me++) {
      const workerData = { name: this.model.name, me, memory: this.#memory.memory, cells: this.#baton.buffer };
      const worker = new Worker(new URL("./actor.ts", import.meta.url), { workerData });
      await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    }
  }

  /** Plays one order; false when its outcome is forbidden. */
  play(choices: readonly number[], killAfter: number): boolean {
    const { model } = this;
    this.#memory.words.fill(0);
    this.#memory.words[this.#memory.words.length - 1] = killAfter;
    model.reset?.(this.#memory.words);
    const ending = this.#baton.play(choices);
    const seen = model.threads.map((_name, thread) => this.#baton.seen(thread));
    const outcome = ending === "finished" ? model.outcome(seen, this.#memory.words) : ending;
    this.#orders++;
    this.#stepsMax = Math.max(this.#stepsMax, this.#baton.options().length);
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    const row = rowOf(model, outcome);
    if (row?.verdict === "ACCEPTABLE") return true;
    if (this.#wrong === "") {
      const steps = this.#baton.trace().length;
      this.#wrong = `FORBIDDEN "${outcome}": ${row?.why ?? "not in the table"}\n  replay: --model "${model.name}" --order ` +
        `${choices.slice(0, steps).join(",") || "0"}${
          killAfter > 0 ? ` --kill ${killAfter}` : ""
        } (seed ${this.seed})\n  ${this.orderText()}`;
    }
    return false;
  }

  /** Whether a forbidden outcome has been seen. */
  get wrong(): boolean {
    return this.#wrong !== "";
  }

  orderText(): string {
    return this.#baton.orderText(this.model.threads);
  }

  /** Depth first: the deepest decision that has another choice takes it. A mutant's search ends when it is caught. */
  playEvery(killAfter: number): void {
    let choices: number[] | null = [];
    while (choices !== null && this.#orders < ORDERS_MAX) {
      if (!this.play(choices, killAfter)) return;
      const options = this.#baton.options();
      let at = options.length - 1;
      while (at >= 0 && (choices[at] ?? 0) + 1 >= options[at]) at--;
      choices = at < 0 ? null : nextChoices(choices, at);
    }
    if (choices !== null) this.#wrong ||= `more than ${ORDERS_MAX} orders: give the model fewer steps, or let them be drawn`;
  }

  playDrawn(orders: number, killAfter: number): void {
    const random = new Random(this.seed);
    for (let order = 0; order < orders; order++) {
      // A switch of threads at every step is rare in life: half of the orders stay with a thread three times out of four.
      const stay = order % 2 === 0 ? 0 : 0.75;
      const choices = Array.from({ length: STEPS_MAX }, () => random.next() < stay ? 0 : random.below(12));
      if (!this.play(choices, killAfter)) return;
    }
  }

  end(elapsedMs: number): Finding {
    const { model } = this;
    this.#baton.dismiss();
    const outcomes = Object.fromEntries([...this.#outcomes].sort(([a], [b]) => a < b ? -1 : 1));
    const unseen = model.orders !== "every" || model.mutant
      ? []
      : model.table.filter((row) => row.verdict === "ACCEPTABLE" && !anyMatch(row, outcomes));
    const missing = unseen.map((row) => `ACCEPTABLE ${row.is} was never seen (${row.why}): the model does not reach it`).join("\n");
    const caught = this.#wrong !== "";
    const report = model.mutant ? this.#wrong || "the mutant was NOT caught: the model proves nothing" : this.#wrong || missing;
    const ok = model.mutant ? caught : report === "";
    return { model: model.name, ok, report, orders: this.#orders, stepsMax: this.#stepsMax, outcomes, elapsedMs: Math.round(elapsedMs) };
  }
}

/** The same order up to step `at`, where the next one of those who could go on does. */
function nextChoices(choices: readonly number[], at: number): number[] {
  return Array.from({ length: at + 1 }, (_unused, step) => (choices[step] ?? 0) + (step === at ? 1 : 0));
}

function rowOf(model: Model, outcome: string): Outcome | undefined {
  return model.table.find((row) => matches(row, outcome));
}

function matches(row: Outcome, outcome: string): boolean {
  return new RegExp(`^(?:${row.is.source})$`).test(outcome);
}

function anyMatch(row: Outcome, outcomes: Record<string, number>): boolean {
  return Object.keys(outcomes).some((outcome) => matches(row, outcome));
}

async function explore(model: Model, seed: number, long: boolean): Promise<Finding> {
  const exploration = new Exploration(model, seed);
  await exploration.start();
  const startedMs = performance.now();
  for (const killAfter of model.killThreadZeroAfter ?? [0]) {
    if (model.orders === "every") exploration.playEvery(killAfter);
    else exploration.playDrawn(model.orders * (long ? LONG : 1), killAfter);
    if (exploration.wrong) break;
  }
  return exploration.end(performance.now() - startedMs);
}

function option(name: string): string | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? undefined : Deno.args[at + 1];
}

async function main(): Promise<number> {
  const long = Deno.args.includes("--long");
  const name = option("model") ?? "";
  const exact = MODELS.filter((model) => model.name === name);
  const chosen = exact.length > 0 ? exact : MODELS.filter((model) => model.name.includes(name) && (long || !model.long));
  const seed = Number(option("seed") ?? 1);
  const order = option("order");
  if (order !== undefined) {
    const exploration = new Exploration(chosen[0], seed);
    await exploration.start();
    exploration.play(order.split(",").map(Number), Number(option("kill") ?? 0));
    console.log(exploration.orderText());
    console.log(JSON.stringify(exploration.end(0)));
    return 0;
  }
  let failed = 0;
  for (const model of chosen) {
    const finding = await explore(model, seed, long);
    console.log(JSON.stringify(finding));
    if (!finding.ok) failed++;
  }
  return chosen.length > 0 && failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
