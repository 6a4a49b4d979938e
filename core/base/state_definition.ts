/**
 * What a state machine may do, as data: states that may nest, edges, guards, callbacks.
 *
 * @module
 */

/** One line of the audit trail, and what guards and callbacks are told. */
export interface StateChange<State extends string = string, Event extends string = string, Context = unknown> {
  /** State before: the deepest one that holds all that is active. */
  readonly from: State;
  /** State that was asked for. */
  readonly to: State;
  /** Event that led to it, if one did. */
  readonly event?: Event;
  /** Time of the clock in ms. */
  readonly at: number;
  /** Why, in the caller's words. */
  readonly reason?: string;
  /** What the caller handed along. Kept as it is: hand in plain data that nobody changes. */
  readonly context?: Context;
  /** False when it was refused, or given up by a callback. */
  readonly allowed: boolean;
  /** Why it was refused: the guard's own message, or what a callback threw. */
  readonly message?: string;
}

/** A condition of a transition. */
export interface StateGuard<Context = unknown> {
  /** Whether it may be; must decide at once and change nothing, for `canTransitionTo` asks too. */
  condition(context: Context, change: StateChange<string, string, Context>): boolean;
  /** Why not. */
  readonly message: string;
}

/** Runs when a state is left or entered or a transition is made; a promise is awaited. It may itself transition, and await that. */
export type StateCallback<State extends string = string, Event extends string = string, Context = unknown> = (
  change: StateChange<State, Event, Context>,
) => unknown;

/** One callback or several. */
export type StateCallbacks<State extends string, Event extends string, Context> =
  | StateCallback<State, Event, Context>
  | readonly StateCallback<State, Event, Context>[];

/** An edge. Of several between the same states the first whose guards all agree is taken. */
export interface StateTransition<State extends string = string, Event extends string = string, Context = unknown> {
  /** One state or several; from a state that holds others it leads from each of them. */
  readonly from: State | readonly State[];
  /** Where to; of a state that holds others, its `initial` one. */
  readonly to: State;
  /** Event for `send`. */
  readonly on?: Event;
  /** All must agree. */
  readonly guards?: readonly StateGuard<Context>[];
  /** After what is left was left, before anything is entered. */
  readonly onTransition?: StateCallbacks<State, Event, Context>;
}

/** A state. */
export interface StateNode<State extends string = string, Event extends string = string, Context = unknown> {
  /** States within it. Names are unique in the whole machine. */
  readonly states?: StateNodes<State, Event, Context>;
  /** Which of them is entered with it. */
  readonly initial?: State;
  /** All of them are active at once, each a region of its own. */
  readonly parallel?: boolean;
  /** Runs once it is active. */
  readonly onEntry?: StateCallbacks<State, Event, Context>;
  /** Runs before it is left. */
  readonly onExit?: StateCallbacks<State, Event, Context>;
}

/** States by name. */
export type StateNodes<State extends string, Event extends string, Context> = {
  readonly [Name in State]?: StateNode<State, Event, Context>;
};

/** All that a machine may do. */
export interface StateMachineDefinition<State extends string = string, Event extends string = string, Context = unknown> {
  /** Where it begins; its entry callbacks do not run. */
  readonly initial: State;
  /** Needed only for nested states and for callbacks of states; then all states stand here. */
  readonly states?: StateNodes<State, Event, Context>;
  /** Edges. */
  readonly transitions: readonly StateTransition<State, Event, Context>[];
  /** After every change of state. */
  readonly onTransition?: StateCallbacks<State, Event, Context>;
}

/** What a transition is told. */
export interface TransitionOptions<Context = unknown> {
  /** Why; for the trail. */
  readonly reason?: string;
  /** For guards, callbacks and the trail. */
  readonly context?: Context;
  /** Time of the clock, when the caller has just read it. */
  readonly at?: number;
}
