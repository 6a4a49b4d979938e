/**
 * A state machine: nested and parallel states, guards that say why not, callbacks, and a bounded audit trail.
 *
 * A transition runs in this order: guards (nothing has happened yet) · exit callbacks, deepest first · callbacks of the edge · the state changes · entry
 * callbacks, outermost first · callbacks of every change. What throws before the change keeps the state as it was. One transition at a time: others wait.
 * One that a callback asks for is part of the transition that it serves and runs at once, so a callback may await it; had the state not changed yet, it
 * takes the place of the transition that it interrupts.
 *
 * @module
 */
import { type Clock, epochOffsetMs, stampsOf, SystemClock } from "./clock.ts";
import { describe, InvalidArgumentError, KernelError } from "./errors.ts";
import { STATE_HISTORY_MAX, TRANSITIONS_NESTED_MAX, TRANSITIONS_WAITING_MAX } from "./limits.ts";
import { chartOf, type CompiledCallback, type CompiledState, type Configuration, type Move, type StateChart } from "./state_chart.ts";
import type { StateChange, StateMachineDefinition, TransitionOptions } from "./state_definition.ts";
import { Frame, running, settled, type Wanted } from "./state_frames.ts";
import { type Change, refusal } from "./state_guards.ts";
import { stateDiagram } from "./state_diagram.ts";
import { Trail } from "./trail.ts";

export type {
  StateCallback,
  StateCallbacks,
  StateChange,
  StateGuard,
  StateMachineDefinition,
  StateNode,
  StateNodes,
  StateTransition,
  TransitionOptions,
} from "./state_definition.ts";

/** What belongs to one machine and not to its chart. */
export interface StateMachineOptions {
  /** Times of the trail. Default: the system's, to the millisecond. */
  readonly clock?: Clock;
  /** Lines of the trail that are kept. Default 100. */
  readonly historyMax?: number;
}

/** A machine's state, to be restored later. Plain data as long as the contexts are. */
export interface StateMachineSnapshot<State extends string = string, Event extends string = string, Context = unknown> {
  /** The innermost active states. */
  readonly states: readonly State[];
  /** The trail, oldest first. */
  readonly history: readonly StateChange<State, Event, Context>[];
}

const YES = Promise.resolve(true);
const NO = Promise.resolve(false);
const NO_OPTIONS: TransitionOptions<never> = {};
const stamps = stampsOf(new SystemClock(epochOffsetMs()));

/**
 * A state machine.
 *
 * @example
 * ```ts
 * import { StateMachine } from "@stage3/kernel";
 * const machine = new StateMachine({
 *   initial: "IDLE",
 *   transitions: [
 *     { from: "IDLE", to: "EXECUTING", guards: [{ condition: (load: number) => load < 0.9, message: "too much to do already" }] },
 *     { from: "EXECUTING", to: "IDLE", on: "done" },
 *   ],
 * });
 * await machine.transition("EXECUTING", { reason: "a task", context: 0.95 }); // false
 * machine.getHistory(1)[0].message; // "too much to do already"
 * await machine.transition("EXECUTING", { reason: "a task", context: 0.1 }); // true
 * await machine.send("done"); // true
 * ```
 */
export class StateMachine<State extends string = string, Event extends string = string, Context = unknown> {
  readonly #chart: StateChart;
  readonly #clock: Clock;
  readonly #trail: Trail<Change>;
  #configuration: Configuration;
  /** Changes of state so far: whoever waited for a callback sees by it that the callback has made another. */
  #changes = 0;
  /** Of what comes from outside; made when a transition may take time. */
  readonly #root: Frame = new Frame(this, 0, undefined);
  /** The frame of the synchronous callback that runs: none runs (undefined), it has asked for no transition yet (null). */
  #calling: Frame | null | undefined = undefined;
  /** Depth of that callback. */
  #depth = 0;

  /** Begins in `initial`. A frozen definition is read once for all its machines. Throws `InvalidArgumentError` that names the field. */
  constructor(
    definition: StateMachineDefinition<State, Event, Context>,
    { clock = stamps, historyMax = STATE_HISTORY_MAX }: StateMachineOptions = {},
  ) {
    const chart = this.#chart = chartOf(definition as unknown as StateMachineDefinition);
    this.#clock = clock;
    this.#trail = new Trail("historyMax", historyMax);
    this.#configuration = chart.initial;
  }

  /** The deepest state that holds all that is active: the state itself, or the parallel one whose regions are. */
  get state(): State {
    return this.#configuration.name as State;
  }

  /** All active states, outermost first. */
  get states(): State[] {
    return this.#configuration.active.map(({ name }) => name as State);
  }

  /** Whether a state is active, itself or by one within it. */
  matches(state: State): boolean {
    return this.#configuration.active.some(({ name }) => name === state);
  }

  /** Whether `transition` would go there now, by its edges and guards. */
  canTransitionTo(state: State, context?: Context): boolean {
    const moves = this.#towards(state);
    if (moves.length === 0) return false;
    const change = this.#change(state, undefined, { context } as TransitionOptions<never>);
    return moves.some((move) => refusal(move, change) === undefined);
  }

  /**
   * Goes to a state. Resolves to false, with the reason in the history, when no edge leads there or guards refuse; rejects with what a callback threw.
   * Without asynchronous callbacks everything has happened when it returns.
   */
  transition(to: State, options: TransitionOptions<Context> = NO_OPTIONS as TransitionOptions<Context>): Promise<boolean> {
    return this.#ask(to, false, options as TransitionOptions<never>);
  }

  /** Follows the edges of an event: in each parallel region at most one. Resolves like `transition`. */
  send(event: Event, options: TransitionOptions<Context> = NO_OPTIONS as TransitionOptions<Context>): Promise<boolean> {
    return this.#ask(event, true, options as TransitionOptions<never>);
  }

  /** The last `count` lines of the trail, oldest first. */
  getHistory(count: number = Infinity): StateChange<State, Event, Context>[] {
    return this.#trail.last(count) as StateChange<State, Event, Context>[];
  }

  /** What `restore` takes. */
  snapshot(): StateMachineSnapshot<State, Event, Context> {
    const innermost = this.#configuration.active.filter(({ children }) => children.length === 0);
    return { states: innermost.map(({ name }) => name as State), history: this.getHistory().map((change) => ({ ...change })) };
  }

  /** Takes over a state; no callback runs. Throws `InvalidArgumentError` when the snapshot is not of such a machine. */
  restore(snapshot: StateMachineSnapshot<State, Event, Context>): void {
    if (!Array.isArray(snapshot?.states)) {
      throw new InvalidArgumentError("snapshot.states", snapshot?.states, "give what snapshot() returned.");
    }
    if (this.#root.busy) {
      throw new KernelError("MACHINE_BUSY", "a transition is being made. Await it before restoring.", { state: this.state });
    }
    this.#configuration = this.#chart.configuration(snapshot.states);
    this.#trail.clear();
    for (const change of snapshot.history ?? []) this.#trail.add({ ...change } as Change);
  }

  /** The machine as a Mermaid state diagram, with what is active marked. */
  toMermaid(): string {
    return stateDiagram(this.#chart, this.#configuration.active);
  }

  #ask(target: string, event: boolean, options: TransitionOptions<never>): Promise<boolean> {
    try {
      const frame = this.#frame();
      const done = frame.busy ? this.#wait(frame, { target, event, options }) : this.#make(frame, target, event, options);
      return done === true ? YES : done === false ? NO : done;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Where the caller stands: within a callback of this machine, or outside. */
  #frame(): Frame {
    if (this.#calling !== undefined) return this.#calling ??= new Frame(this, this.#depth, undefined);
    const root = this.#root;
    if (!root.busy) return root;
    for (let frame = running.getStore(); frame !== undefined; frame = frame.outer) if (frame.owner === this && frame.active) return frame;
    return root;
  }

  #wait(frame: Frame, wanted: Wanted): Promise<boolean> {
    const waiting = frame.waiting ??= [];
    if (waiting.length >= TRANSITIONS_WAITING_MAX) {
      throw new KernelError(
        "MACHINE_BUSY",
        `${TRANSITIONS_WAITING_MAX} transitions already wait for one whose callbacks have not ended. Await transitions before asking for more.`,
        { state: this.state, transitionsWaitingMax: TRANSITIONS_WAITING_MAX },
      );
    }
    return new Promise((resolve) => waiting.push({ ...wanted, resolve }));
  }

  #make(frame: Frame, target: string, event: boolean, options: TransitionOptions<never>): boolean | Promise<boolean> {
    if (event) return this.#run(frame, null, target, options);
    const moves = this.#towards(target);
    if (moves.length === 0 || !moves[0].direct || frame.waiting !== null) return this.#run(frame, moves, target, options);
    this.#commit(moves[0], this.#change(target, undefined, options)); // nobody is asked and nobody told, so nothing comes in between
    return true;
  }

  /** `moves` towards a state; null for an event. */
  #run(frame: Frame, moves: readonly Move[] | null, target: string, options: TransitionOptions<never>): boolean | Promise<boolean> {
    const calling = this.#calling;
    this.#calling = undefined;
    frame.busy = true;
    let done: boolean | Promise<boolean> = false;
    try {
      done = moves === null ? this.#follow(frame, target, options) : this.#go(frame, moves, target, options, false);
    } finally {
      this.#calling = calling;
      if (typeof done === "boolean") this.#next(frame);
    }
    return typeof done === "boolean" ? done : done.finally(() => this.#next(frame));
  }

  #next(frame: Frame): void {
    frame.busy = false;
    const next = frame.waiting?.shift();
    if (next === undefined) return frame.whenIdle?.();
    try {
      next.resolve(this.#make(frame, next.target, next.event, next.options));
    } catch (error) {
      next.resolve(Promise.reject(error));
    }
  }

  #towards(target: string): readonly Move[] {
    const moves = this.#configuration.towards(target);
    if (moves.length === 0 && this.#chart.state(target) === undefined) {
      throw new InvalidArgumentError("to", target, "name a state of this machine.");
    }
    return moves;
  }

  #change(to: string, event: string | undefined, { reason, context, at }: TransitionOptions<never>): Change {
    const from = this.#configuration.name;
    return { from, to, event, at: at ?? this.#clock.now(), reason, context, allowed: true, message: undefined };
  }

  /** Every region may follow an event; elsewhere the innermost edge whose guards agree does. */
  #follow(frame: Frame, event: string, options: TransitionOptions<never>): boolean | Promise<boolean> {
    const moves = this.#configuration.on(event);
    if (moves.length <= 1 || !this.#configuration.hasRegions) return this.#go(frame, moves, event, options, true);
    return this.#followAll(frame, [...new Set(moves.map(({ edge }) => edge.from))], event, options);
  }

  async #followAll(frame: Frame, sources: CompiledState[], event: string, options: TransitionOptions<never>): Promise<boolean> {
    let any = false;
    const served = new Set<CompiledState>();
    for (const source of sources) {
      if (served.has(source) || !this.#configuration.active.includes(source)) continue;
      const moves = this.#configuration.on(event).filter(({ edge }) => edge.from === source);
      if (!await this.#go(frame, moves, event, options, true)) continue;
      any = true;
      for (let at = source.parent; at !== null; at = at.parent) served.add(at); // the inner edge goes in the place of the outer one
    }
    return any;
  }

  #go(
    frame: Frame,
    moves: readonly Move[],
    target: string,
    options: TransitionOptions<never>,
    event: boolean,
  ): boolean | Promise<boolean> {
    const change = this.#change(target, event ? target : undefined, options);
    let why: string | undefined;
    for (const move of moves) {
      if (event) change.to = move.edge.to.name;
      const refused = this.#refusal(move, change);
      if (refused === undefined) return this.#perform(frame, move, change);
      why ??= refused;
    }
    return this.#refuse(change, why ?? `no transition leads from ${change.from} ${event ? "by" : "to"} ${target}`);
  }

  #refusal(move: Move, change: Change): string | undefined {
    try {
      return refusal(move, change);
    } catch (error) {
      this.#refuse(change, `a guard threw: ${told(error)}`);
      throw error;
    }
  }

  #refuse(change: Change, message: string): false {
    change.allowed = false;
    change.message = message;
    this.#trail.add(change);
    return false;
  }

  #perform(frame: Frame, move: Move, change: Change): boolean | Promise<boolean> {
    const seen = this.#changes;
    const { before, after } = move;
    try {
      for (let at = 0; at < before.length; at++) {
        const wait = this.#call(frame, before[at], change);
        if (wait !== undefined) return this.#leave(frame, move, change, seen, at + 1, wait);
        if (this.#changes !== seen) return this.#overtaken(change);
      }
    } catch (error) {
      this.#refuse(change, `a callback threw: ${told(error)}`);
      throw error;
    }
    this.#commit(move, change);
    return after.length === 0 ? true : this.#entered(frame, after, change);
  }

  #entered(frame: Frame, after: readonly CompiledCallback[], change: Change): boolean | Promise<boolean> {
    const seen = this.#changes;
    try {
      for (let at = 0; at < after.length; at++) {
        const wait = this.#call(frame, after[at], change);
        if (wait !== undefined) return this.#enter(frame, after, change, seen, at + 1, wait);
        if (this.#changes !== seen) break; // it went on from here: what is left of the entry would be of a state that was left
      }
    } catch (error) {
      change.message = `a callback threw: ${told(error)}`;
      throw error;
    }
    return true;
  }

  async #leave(frame: Frame, move: Move, change: Change, seen: number, begin: number, wait: Promise<unknown>): Promise<boolean> {
    try {
      await wait;
      for (let at = begin; at < move.before.length && this.#changes === seen; at++) await this.#call(frame, move.before[at], change);
    } catch (error) {
      this.#refuse(change, `a callback threw: ${told(error)}`);
      throw error;
    }
    if (this.#changes !== seen) return this.#overtaken(change);
    this.#commit(move, change);
    return await this.#entered(frame, move.after, change);
  }

  async #enter(
    frame: Frame,
    after: readonly CompiledCallback[],
    change: Change,
    seen: number,
    begin: number,
    wait: Promise<unknown>,
  ): Promise<boolean> {
    try {
      await wait;
      for (let at = begin; at < after.length && this.#changes === seen; at++) await this.#call(frame, after[at], change);
    } catch (error) {
      change.message = `a callback threw: ${told(error)}`;
      throw error;
    }
    return true;
  }

  #commit(move: Move, change: Change): void {
    this.#configuration = move.next;
    this.#changes++;
    this.#trail.add(change);
  }

  #overtaken(change: Change): false {
    return this.#refuse(change, `a callback went to ${this.state} instead`);
  }

  /** Calls one callback; returns a promise if there is something to wait for. */
  #call(frame: Frame, { call, isAsync }: CompiledCallback, change: Change): Promise<unknown> | undefined {
    const depth = frame.depth + 1;
    if (depth > TRANSITIONS_NESTED_MAX) {
      throw new KernelError(
        "TRANSITION_LOOP",
        `transitions within callbacks of transitions are ${TRANSITIONS_NESTED_MAX} deep: callbacks answer each other. Look at the way to ${change.to}.`,
        { state: this.state, to: change.to },
      );
    }
    if (isAsync) {
      const inner = new Frame(this, depth, running.getStore());
      return settled(inner, running.run(inner, call, change as never) as Promise<unknown>);
    }
    this.#calling = null;
    this.#depth = depth;
    let result: unknown;
    let inner: Frame | null | undefined;
    try {
      result = call(change as never);
    } finally {
      inner = this.#calling as Frame | null | undefined;
      this.#calling = undefined;
    }
    const waits = typeof (result as PromiseLike<unknown> | null | undefined)?.then === "function";
    if (!waits && !inner?.busy) return undefined;
    return settled(inner ?? null, Promise.resolve(result));
  }
}

function told(error: unknown): string {
  return error instanceof Error ? error.message : describe(error);
}
