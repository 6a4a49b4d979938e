/**
 * Could a recorded history of several threads have happened one operation after another, each at a moment between its call and its return, each with the
 * result that it had? Then it is linearizable: nobody could tell the structure from one that only one thread uses.
 *
 * The search is Wing and Gong's ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of what was tried ("Testing for Linearizability",
 * 2017): which operations are done and what state they led to decides all that can follow, so no such pair is looked at twice. Parts that do not concern
 * each other (keys of a store) are searched apart: a history is linearizable when each of its parts is (Herlihy and Wing, 1990).
 *
 * @module
 */

/** One operation as its thread saw it. */
export interface Operation<Op> {
  /** Who did it, for reports. */
  readonly thread: number;
  /** Moment before it; all moments of a history are of one order. */
  readonly call: number;
  /** Moment after it; `Infinity`: its thread died in it, so that it may have happened or not. */
  readonly ret: number;
  /** What was done, and what came of it. */
  readonly op: Op;
}

/** What the structure would do if only one thread used it. */
export interface Specification<Op, State> {
  /** Operations of different parts never concern each other. */
  readonly partOf: (op: Op) => string | number;
  /** At the beginning of a part. */
  readonly initial: State;
  /** The state after an operation, or null when it cannot have had its result; without a result (`returned` false) it can have had any. */
  readonly next: (state: State, op: Op, returned: boolean) => State | null;
  /** A state as text; the same text means the same state. */
  readonly textOf: (state: State) => string;
}

/** What was found. */
export interface Verdict {
  /** Whether the history is linearizable. */
  readonly linearizable: boolean;
  /** If it is not: the part, how far one gets at best, and what cannot follow. */
  readonly why: string;
  /** Parts searched. */
  readonly parts: number;
  /** Pairs of done operations and state that were looked at. */
  readonly configurations: number;
  /** Operations that began before another one of the same part had returned: without any, a history says nothing of threads. */
  readonly overlaps: number;
}

/** Pairs of one part that are remembered, about 100 bytes each: a hundred megabytes. */
export const CONFIGURATIONS_MAX = 1_000_000;

/** A call or a return in the list of those not yet done. */
interface Event {
  readonly at: number;
  /** Index of the operation; −1: the head of the list. */
  readonly id: number;
  readonly isCall: boolean;
  /** Of a call: its return, unless its thread died. */
  readonly match: Event | null;
  previous: Event | null;
  next: Event | null;
}

/** Which operations are done, most of them as "all below". */
class Done {
  #low = 0;
  readonly #ahead = new Set<number>();

  add(id: number): void {
    this.#ahead.add(id);
    while (this.#ahead.delete(this.#low)) this.#low++;
  }

  remove(id: number): void {
    if (id >= this.#low) return void this.#ahead.delete(id);
    for (let above = id + 1; above < this.#low; above++) this.#ahead.add(above);
    this.#low = id;
  }

  get size(): number {
    return this.#low + this.#ahead.size;
  }

  text(): string {
    return `${this.#low},${[...this.#ahead].sort((a, b) => a - b)}`;
  }
}

/** The search through one part. */
class Search<Op, State> {
  readonly #tried = new Set<string>();
  readonly #done = new Done();
  readonly #path: { readonly call: Event; readonly state: State }[] = [];
  readonly #head: Event = { at: -Infinity, id: -1, isCall: false, match: null, previous: null, next: null };
  readonly #operations: readonly Operation<Op>[];
  #state: State;
  /** Operations with a return that are not yet done; those without one need not happen. */
  #open: number;
  #best = -1;
  #stuck = "";

  constructor(operations: readonly Operation<Op>[], private readonly spec: Specification<Op, State>) {
    // Those that never returned come last: one that is never done would keep all behind it out of "all below".
    const byCall = [...operations].sort((a, b) => a.call - b.call);
    const returned = byCall.filter(({ ret }) => ret !== Infinity);
    this.#operations = [...returned, ...byCall.filter(({ ret }) => ret === Infinity)];
    this.#open = returned.length;
    this.#state = spec.initial;
    let last = this.#head;
    for (const event of eventsOf(this.#operations)) {
      last.next = event;
      event.previous = last;
      last = event;
    }
  }

  get configurations(): number {
    return this.#tried.size;
  }

  /** "" when an order was found, else how far one gets. */
  run(configurationsMax: number): string {
    let event = this.#head.next;
    while (this.#open > 0) {
      if (event !== null && event.isCall) {
        event = this.#tryNext(event) ? this.#head.next : event.next;
        if (this.#tried.size > configurationsMax) {
          throw new Error(`undecided after ${configurationsMax} configurations: record less at a time`);
        }
      } else {
        // At a return of something not yet done: it had to be done before, so the last choice was wrong.
        if (this.#done.size > this.#best) this.#note();
        const last = this.#path.pop();
        if (last === undefined) return this.#stuck;
        this.#undo(last.call, last.state);
        event = last.call.next;
      }
    }
    return "";
  }

  #tryNext(call: Event): boolean {
    const { op, ret } = this.#operations[call.id];
    const state = this.spec.next(this.#state, op, ret !== Infinity);
    if (state === null) return false;
    this.#done.add(call.id);
    const configuration = `${this.#done.text()}|${this.spec.textOf(state)}`;
    if (this.#tried.has(configuration)) {
      this.#done.remove(call.id);
      return false;
    }
    this.#tried.add(configuration);
    this.#path.push({ call, state: this.#state });
    this.#state = state;
    unlink(call);
    if (call.match !== null) {
      unlink(call.match);
      this.#open--;
    }
    return true;
  }

  #undo(call: Event, state: State): void {
    this.#done.remove(call.id);
    this.#state = state;
    if (call.match !== null) {
      relink(call.match);
      this.#open++;
    }
    relink(call);
  }

  #note(): void {
    this.#best = this.#done.size;
    const next: string[] = [];
    for (let event = this.#head.next; event !== null && event.isCall; event = event.next) {
      const { thread, call, ret, op } = this.#operations[event.id];
      next.push(`  thread ${thread} ${call}–${ret}: ${JSON.stringify(op)}`);
    }
    this.#stuck = `after ${this.#best} of ${this.#operations.length} operations the state is ${this.spec.textOf(this.#state)}, ` +
      `and none of these can follow:\n${next.join("\n")}`;
  }
}

/** Whether a history is linearizable. Throws when that cannot be told within `configurationsMax`. */
export function checkLinearizable<Op, State>(
  history: readonly Operation<Op>[],
  spec: Specification<Op, State>,
  configurationsMax = CONFIGURATIONS_MAX,
): Verdict {
  const parts = Map.groupBy(history, ({ op }) => spec.partOf(op));
  let [configurations, overlaps] = [0, 0];
  for (const [part, operations] of parts) {
    overlaps += overlapsIn(operations);
    const search = new Search(operations, spec);
    const stuck = search.run(configurationsMax);
    configurations += search.configurations;
    if (stuck !== "") return { linearizable: false, why: `${part}: ${stuck}`, parts: parts.size, configurations, overlaps };
  }
  return { linearizable: true, why: "", parts: parts.size, configurations, overlaps };
}

function overlapsIn<Op>(operations: readonly Operation<Op>[]): number {
  let [overlaps, latest] = [0, -Infinity];
  for (const { call, ret } of [...operations].sort((a, b) => a.call - b.call)) {
    if (call < latest) overlaps++;
    if (ret !== Infinity) latest = Math.max(latest, ret);
  }
  return overlaps;
}

/** In the order of time; of a call and a return at the same moment the call comes first, which allows more. */
function eventsOf<Op>(operations: readonly Operation<Op>[]): Event[] {
  const events = operations.flatMap(({ call, ret }, id): Event[] => {
    const end: Event | null = ret === Infinity ? null : { at: ret, id, isCall: false, match: null, previous: null, next: null };
    const begin: Event = { at: call, id, isCall: true, match: end, previous: null, next: null };
    return end === null ? [begin] : [begin, end];
  });
  return events.sort((a, b) => a.at - b.at || Number(b.isCall) - Number(a.isCall));
}

function unlink(event: Event): void {
  event.previous!.next = event.next;
  if (event.next !== null) event.next.previous = event.previous;
}

/** Only in the reverse order of `unlink`. */
function relink(event: Event): void {
  event.previous!.next = event;
  if (event.next !== null) event.next.previous = event;
}
