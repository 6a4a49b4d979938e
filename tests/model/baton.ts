/**
 * The baton: of all the real threads of a model only the one that holds it runs. Before each atomic step a thread announces the step and decides, by the
 * schedule, who takes the next one: itself (no switch of threads, which is why this is quick) or another, to whom it hands the baton.
 *
 * What a thread does between two steps belongs to the earlier one. A program that wants another thread to be able to come between two plain
 * accesses says `moment()` there.
 *
 * Waiting is part of the model: a thread that waits is out of the game until a notify on the same word, oldest waiter first. TIME-OUTS NEVER FIRE:
 * all threads waiting is the ending DEADLOCK, and that is how a lost wake-up is found.
 *
 * @module
 */

/** Most threads in a model. */
export const THREADS_MAX = 4;
/** Longest run; a longer one is an endless loop. */
export const STEPS_MAX = 512;
/** Most numbers that one thread reports of one run. */
export const SEEN_MAX = 32;

/** How a run ended. The names stand in outcomes. */
export const ENDINGS = ["running", "finished", "DEADLOCK", "ENDLESS"] as const;

/** Kinds of step, for printed orders. */
export const STEP_NAMES = ["?", "load", "store", "add", "compareExchange", "exchange", "notify", "wait", "moment"] as const;
/** A step's kind by name. */
export type StepName = (typeof STEP_NAMES)[number];

const SPINS = 1_000;
const PATIENCE_MS = 20_000;
const [READY, WOKEN, PARKED, NOT_STARTED, DONE] = [1, 2, 3, 4, 5];
/** Words for the whole run. */
const RUN = { ending: 0, steps: 1, giveUp: 2, current: 3, threads: 4, parkings: 5, leave: 6 };
/** Words of one thread. */
const THREAD = { granted: 0, state: 1, word: 2, parkedSince: 3, seen: 4 };
const THREAD_WORDS = 64;
const THREADS_AT = 64;
const CHOICES_AT = THREADS_AT + THREADS_MAX * THREAD_WORDS;
const OPTIONS_AT = CHOICES_AT + STEPS_MAX;
const TRACE_AT = OPTIONS_AT + STEPS_MAX;
const WORDS = TRACE_AT + 3 * STEPS_MAX;

/** One decision of a run: who went on, and with what. */
export interface Step {
  /** Index of the thread. */
  readonly thread: number;
  /** Kind of step. */
  readonly name: StepName;
  /** Index of the word. */
  readonly word: number;
}

/** Thrown out of a step when the run is over for this thread: killed by the model, or the others are stuck. */
export class RunOver extends Error {
  /** `killed` by the model; else the run was given up. */
  constructor(readonly killed: boolean) {
    super(killed ? "killed by the model" : "run given up");
  }
}

/** The shared words of one exploration, as the explorer or one of its threads sees them. */
export class Baton {
  readonly #cells: Int32Array;
  readonly #me: number;
  /** Whether steps are counted now; off while a program sets itself up. */
  #playing = false;
  #stepsLeft = Infinity;

  /** `me` is −1 for the explorer. */
  constructor(readonly buffer: SharedArrayBuffer, me: number) {
    this.#cells = new Int32Array(buffer);
    this.#me = me;
  }

  /** Shared words for `threads` threads. */
  static allocate(threads: number): Baton {
    const baton = new Baton(new SharedArrayBuffer(WORDS * 4), -1);
    baton.#cells[RUN.threads] = threads;
    return baton;
  }

  // ── the explorer's side ──

  /** Plays one run: choice `n` picks the n-th of those who could go on (the one who runs now is the first). Returns the ending. */
  play(choices: readonly number[]): (typeof ENDINGS)[number] {
    const cells = this.#cells;
    cells.fill(0, CHOICES_AT, CHOICES_AT + STEPS_MAX);
    for (let at = 0; at < choices.length; at++) cells[CHOICES_AT + at] = choices[at];
    for (let thread = 0; thread < cells[RUN.threads]; thread++) cells[at(thread, THREAD.state)] = NOT_STARTED;
    cells[RUN.steps] = cells[RUN.giveUp] = cells[RUN.parkings] = 0;
    cells[RUN.current] = -1;
    Atomics.store(cells, RUN.ending, 0);
    this.#grant(0);
    if (!waitWhile(cells, RUN.ending, 0)) throw new Error(`no thread of the model moved for ${PATIENCE_MS} ms, after: ${this.orderText()}`);
    return ENDINGS[Atomics.load(cells, RUN.ending)];
  }

  /** At each step of the last run, how many threads could have gone on. */
  options(): Int32Array {
    return this.#cells.subarray(OPTIONS_AT, OPTIONS_AT + this.#cells[RUN.steps]);
  }

  /** What the last run did, step by step. */
  trace(): Step[] {
    const cells = this.#cells;
    return Array.from({ length: cells[RUN.steps] }, (_unused, step) => ({
      thread: cells[TRACE_AT + 3 * step],
      name: STEP_NAMES[cells[TRACE_AT + 3 * step + 1]],
      word: cells[TRACE_AT + 3 * step + 2],
    }));
  }

  /** The last run's order, for people. */
  orderText(names: readonly string[] = []): string {
    return this.trace().map((step) => `${names[step.thread] ?? step.thread}.${step.name}[${step.word}]`).join(" ");
  }

  /** What a thread reported. */
  seen(thread: number): number[] {
    const from = at(thread, THREAD.seen);
    return [...this.#cells.subarray(from + 1, from + 1 + this.#cells[from])];
  }

  /** Lets the threads end. */
  dismiss(): void {
    Atomics.store(this.#cells, RUN.leave, 1);
    for (let thread = 0; thread < this.#cells[RUN.threads]; thread++) this.#grant(thread);
  }

  // ── a thread's side ──

  /** Takes part in runs until dismissed. `prepare` makes the program of one run (its steps are not counted); the program returns what it saw. */
  takePart(prepare: () => () => number[], diesAfterSteps: () => number): void {
    const cells = this.#cells;
    for (;;) {
      this.#waitForGrant(Infinity);
      if (Atomics.load(cells, RUN.leave) === 1) return;
      let seen: number[] = [];
      const program = prepare();
      this.#stepsLeft = diesAfterSteps();
      this.#playing = true;
      try {
        seen = program();
      } catch (error) {
        if (!(error instanceof RunOver)) throw error;
      }
      this.#playing = false;
      const from = at(this.#me, THREAD.seen);
      cells[from] = Math.min(seen.length, SEEN_MAX);
      cells.set(seen.slice(0, SEEN_MAX), from + 1);
      this.#setState(DONE);
      this.#handOn();
    }
  }

  /** Announces a step and returns when it is this thread's turn to do it. */
  step(name: StepName, word: number): void {
    if (!this.#playing) return;
    if (this.#stepsLeft-- <= 0) throw new RunOver(true);
    this.#cells[at(this.#me, THREAD.word)] = word * 16 + STEP_NAMES.indexOf(name);
    this.#setState(READY);
    this.#handOn();
  }

  /** The killed thread's part is over: what it does from here on stands for somebody else who found it dead. */
  revive(): void {
    this.#stepsLeft = Infinity;
  }

  /** Out of the game until notified. The step itself has been announced, and the word has been compared. */
  park(word: number): void {
    const cells = this.#cells;
    cells[at(this.#me, THREAD.parkedSince)] = ++cells[RUN.parkings];
    cells[at(this.#me, THREAD.word)] = word * 16 + STEP_NAMES.indexOf("wait");
    this.#setState(PARKED);
    this.#handOn();
  }

  /** Lets at most `count` of those who wait on `word` go on, oldest first; returns how many. */
  wake(word: number, count: number): number {
    const cells = this.#cells;
    const waiting = this.#threads((thread) => cells[at(thread, THREAD.state)] === PARKED && cells[at(thread, THREAD.word)] >> 4 === word)
      .sort((a, b) => cells[at(a, THREAD.parkedSince)] - cells[at(b, THREAD.parkedSince)]).slice(0, count);
    for (const thread of waiting) cells[at(thread, THREAD.state)] = WOKEN;
    return waiting.length;
  }

  /** Whether steps are counted now. */
  get playing(): boolean {
    return this.#playing;
  }

  /** Hands the baton to whoever is next; returns when this thread has it again (or at once when it is done). */
  #handOn(): void {
    const cells = this.#cells;
    const next = this.#next();
    const done = cells[at(this.#me, THREAD.state)] === DONE;
    if (next === -1) {
      Atomics.store(cells, RUN.ending, cells[RUN.giveUp] || ENDINGS.indexOf("finished"));
      Atomics.notify(cells, RUN.ending);
    } else if (next !== this.#me) {
      this.#grant(next);
      if (!done) this.#waitForGrant(PATIENCE_MS);
    }
    if (!done && cells[RUN.giveUp] !== 0) throw new RunOver(false);
  }

  /** Who takes the next step; −1 when all are done. */
  #next(): number {
    const cells = this.#cells;
    const state = (thread: number): number => cells[at(thread, THREAD.state)];
    const unstarted = this.#threads((thread) => state(thread) === NOT_STARTED);
    if (unstarted.length > 0) return unstarted[0];
    const able = this.#threads((thread) => state(thread) === READY || state(thread) === WOKEN);
    const alive = this.#threads((thread) => state(thread) !== DONE);
    if (cells[RUN.giveUp] === 0 && alive.length > 0) {
      const ending = able.length === 0 ? "DEADLOCK" : cells[RUN.steps] === STEPS_MAX ? "ENDLESS" : "running";
      if (ending !== "running") this.#giveUp(ending);
    }
    if (cells[RUN.giveUp] !== 0 || alive.length === 0) return alive[0] ?? -1;
    const step = cells[RUN.steps]++;
    // The one who runs now stands first, so that choice 0 costs no switch of threads.
    const first = able.indexOf(cells[RUN.current]);
    if (first > 0) able.unshift(...able.splice(first, 1));
    const chosen = able[cells[CHOICES_AT + step] % able.length];
    cells[OPTIONS_AT + step] = able.length;
    cells[TRACE_AT + 3 * step] = cells[RUN.current] = chosen;
    cells[TRACE_AT + 3 * step + 1] = cells[at(chosen, THREAD.word)] & 15;
    cells[TRACE_AT + 3 * step + 2] = cells[at(chosen, THREAD.word)] >> 4;
    return chosen;
  }

  #giveUp(ending: "DEADLOCK" | "ENDLESS"): void {
    this.#cells[RUN.giveUp] = ENDINGS.indexOf(ending);
  }

  #threads(which: (thread: number) => boolean): number[] {
    const found: number[] = [];
    for (let thread = 0; thread < this.#cells[RUN.threads]; thread++) if (which(thread)) found.push(thread);
    return found;
  }

  #setState(state: number): void {
    this.#cells[at(this.#me, THREAD.state)] = state;
  }

  #grant(thread: number): void {
    Atomics.store(this.#cells, at(thread, THREAD.granted), 1);
    Atomics.notify(this.#cells, at(thread, THREAD.granted), 1);
  }

  #waitForGrant(patienceMs: number): void {
    const word = at(this.#me, THREAD.granted);
    if (!waitWhile(this.#cells, word, 0, patienceMs)) throw new Error("the baton was lost: the thread that holds it is gone");
    Atomics.store(this.#cells, word, 0);
  }
}

function at(thread: number, field: number): number {
  return THREADS_AT + thread * THREAD_WORDS + field;
}

/** Spins a little, then sleeps: most turns come within a microsecond. False when patience ran out. */
function waitWhile(cells: Int32Array, word: number, value: number, patienceMs = PATIENCE_MS): boolean {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(cells, word) !== value) return true;
  while (Atomics.load(cells, word) === value) {
    if (Atomics.wait(cells, word, value, patienceMs === Infinity ? PATIENCE_MS : patienceMs) === "timed-out" && patienceMs !== Infinity) {
      return false;
    }
  }
  return true;
}
