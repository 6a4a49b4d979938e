/**
 * The definition of a state machine, checked and compiled: nested states become one list in document order, and each set of active states
 * a configuration that knows where every transition leads from there.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "./errors.ts";
import { STATE_CONFIGURATIONS_MAX, STATE_DEPTH_MAX, STATES_MAX } from "./limits.ts";
import type { StateCallback, StateGuard, StateMachineDefinition, StateNode, StateTransition } from "./state_definition.ts";

/** A callback, and whether it is an `async` function. */
export interface CompiledCallback {
  readonly call: StateCallback<string, string, never>;
  readonly isAsync: boolean;
  /** As it is called in messages: `states.A.onEntry`. */
  readonly path: string;
}

/** A state among the others. */
export interface CompiledState {
  readonly name: string;
  /** Place in document order: a parent stands before its children. */
  readonly index: number;
  /** 0 of the root. */
  readonly depth: number;
  readonly parent: CompiledState | null;
  readonly children: CompiledState[];
  initial: CompiledState | null;
  readonly parallel: boolean;
  readonly onEntry: readonly CompiledCallback[];
  readonly onExit: readonly CompiledCallback[];
}

/** An edge from one state. */
export interface CompiledEdge {
  readonly from: CompiledState;
  readonly to: CompiledState;
  readonly on: string | undefined;
  readonly guards: readonly StateGuard<never>[];
  readonly onTransition: readonly CompiledCallback[];
}

/** An edge taken in one configuration: what runs, and where it leads. */
export interface Move {
  readonly edge: CompiledEdge;
  /** Exit callbacks, deepest first, and those of the edge. */
  readonly before: readonly CompiledCallback[];
  /** Entry callbacks, outermost first, and those of every change. */
  readonly after: readonly CompiledCallback[];
  readonly next: Configuration;
  /** Whether no guard and no callback stands on it. */
  readonly direct: boolean;
}

/** A set of states that are active together. */
export class Configuration {
  readonly #byTarget = new Map<string, readonly Move[]>();
  readonly #byEvent = new Map<string, readonly Move[]>();
  /** The deepest state that holds all that is active. */
  readonly name: string;
  /** Whether a parallel state is among them. */
  readonly hasRegions: boolean;

  /** `active` in document order, the root left out. */
  constructor(private readonly chart: StateChart, readonly active: readonly CompiledState[]) {
    let deepest = active[0];
    for (let child: CompiledState | undefined = deepest; child !== undefined && !deepest.parallel;) {
      deepest = child;
      child = active.find(({ parent }) => parent === deepest);
    }
    this.name = deepest.name;
    this.hasRegions = active.some(({ parallel }) => parallel);
  }

  /** Ways to a state, inner edges before outer ones. */
  towards(target: string): readonly Move[] {
    let moves = this.#byTarget.get(target);
    if (moves === undefined) {
      moves = this.#moves((edge) => edge.to.name === target);
      if (this.chart.state(target) !== undefined) this.#byTarget.set(target, moves); // targets may be any text: only states are kept
    }
    return moves;
  }

  /** Ways that an event may lead. */
  on(event: string): readonly Move[] {
    let moves = this.#byEvent.get(event);
    if (moves === undefined) {
      moves = this.#moves((edge) => edge.on === event);
      if (moves.length > 0) this.#byEvent.set(event, moves); // events may be any text: only those that mean something are kept
    }
    return moves;
  }

  #moves(wanted: (edge: CompiledEdge) => boolean): Move[] {
    const found = this.chart.edges.filter((edge) => wanted(edge) && this.active.includes(edge.from));
    return found.sort((a, b) => b.from.depth - a.from.depth || a.from.index - b.from.index).map((edge) => this.chart.move(this, edge));
  }
}

/** A definition, checked and compiled. Machines of one chart share it. */
export class StateChart<State extends string = string, Event extends string = string, Context = unknown> {
  /**
   * In document order; the first is the root, which holds all.
   * @internal
   */
  readonly states: readonly CompiledState[];
  /**
   * In the order of the definition.
   * @internal
   */
  readonly edges: readonly CompiledEdge[];
  /**
   * Where machines begin.
   * @internal
   */
  readonly initial: Configuration;
  readonly #configurations = new Map<string, Configuration>();
  readonly #byName: ReadonlyMap<string, CompiledState>;
  readonly #always: readonly CompiledCallback[];

  /** Throws `InvalidArgumentError` that names the field. */
  constructor(definition: StateMachineDefinition<State, Event, Context>) {
    if (typeof definition !== "object" || definition === null) {
      throw new InvalidArgumentError("definition", definition, "give { initial, transitions }.");
    }
    const builder = new ChartBuilder(definition as unknown as StateMachineDefinition);
    this.states = builder.states;
    this.edges = builder.edges;
    this.#byName = builder.byName;
    this.#always = callbacksOf(definition.onTransition, "onTransition");
    this.initial = this.#configure(entered(this.states[0], builder.find(definition.initial, "initial")));
  }

  /**
   * The state of a name, if there is one.
   * @internal
   */
  state(name: string): CompiledState | undefined {
    return this.#byName.get(name);
  }

  /**
   * The configuration whose innermost states are these. Throws `InvalidArgumentError` when they are no such set.
   * @internal
   */
  configuration(leaves: readonly string[]): Configuration {
    const active = new Set<CompiledState>();
    for (const name of leaves) {
      const leaf = this.#byName.get(name);
      if (leaf === undefined || leaf.children.length > 0) throw notTogether(leaves, `${describe(name)} is no innermost state`);
      for (let at: CompiledState | null = leaf; at !== null; at = at.parent) active.add(at);
    }
    for (const state of [this.states[0], ...active]) {
      const inside = state.children.filter((child) => active.has(child)).length;
      const expected = state.parallel ? state.children.length : Math.min(1, state.children.length);
      if (inside !== expected) throw notTogether(leaves, `${inside} states within ${state.name || "the machine"} instead of ${expected}`);
    }
    return this.#configure([...active].filter(({ parent }) => parent !== null));
  }

  /**
   * An edge, taken from a configuration.
   * @internal
   */
  move(from: Configuration, edge: CompiledEdge): Move {
    const domain = domainOf(edge);
    const exits = from.active.filter((state) => isWithin(state, domain));
    const enters = entered(domain, edge.to);
    const stays = from.active.filter((state) => !exits.includes(state));
    const before = [...[...exits].reverse().flatMap(({ onExit }) => onExit), ...edge.onTransition];
    const after = [...enters.flatMap(({ onEntry }) => onEntry), ...this.#always];
    const direct = edge.guards.length === 0 && before.length === 0 && after.length === 0;
    return { edge, before, after, direct, next: this.#configure([...stays, ...enters]) };
  }

  #configure(active: readonly CompiledState[]): Configuration {
    const ordered = [...active].sort((a, b) => a.index - b.index);
    const key = ordered.map(({ index }) => index).join(",");
    let configuration = this.#configurations.get(key);
    if (configuration === undefined) {
      if (this.#configurations.size >= STATE_CONFIGURATIONS_MAX) this.#configurations.clear(); // they are made again when needed
      this.#configurations.set(key, configuration = new Configuration(this as unknown as StateChart, ordered));
    }
    return configuration;
  }
}

/** Reads a definition. */
class ChartBuilder {
  readonly states: CompiledState[] = [];
  readonly edges: CompiledEdge[] = [];
  readonly byName = new Map<string, CompiledState>();

  constructor(private readonly definition: StateMachineDefinition) {
    const root = this.#add("", null, {}, "definition");
    if (definition.states !== undefined) this.#addAll(root, definition.states, "states", 1);
    if (!Array.isArray(definition.transitions)) {
      throw new InvalidArgumentError("transitions", definition.transitions, "give a list of { from, to }.");
    }
    this.find(definition.initial, "initial");
    definition.transitions.forEach((transition, at) => this.#connect(transition, `transitions[${at}]`));
  }

  find(name: unknown, path: string): CompiledState {
    const known = this.byName.get(name as string);
    if (known !== undefined) return known;
    if (typeof name !== "string" || name === "") throw new InvalidArgumentError(path, name, "name a state.");
    if (this.definition.states !== undefined) throw new InvalidArgumentError(path, name, "name a state that stands under states.");
    return this.#add(name, this.states[0], {}, path);
  }

  #addAll(parent: CompiledState, nodes: Readonly<Record<string, StateNode | undefined>>, path: string, depth: number): void {
    if (depth > STATE_DEPTH_MAX) throw new InvalidArgumentError(path, depth, `nest states at most ${STATE_DEPTH_MAX} deep.`);
    for (const [name, node] of Object.entries(nodes)) {
      const here = `${path}.${name}`;
      if (typeof node !== "object" || node === null) throw new InvalidArgumentError(here, node, "give a state, at least {}.");
      const state = this.#add(name, parent, node, here);
      this.#addAll(state, node.states ?? {}, `${here}.states`, depth + 1);
      if (state.children.length === 0 || node.parallel) continue;
      state.initial = state.children.find((child) => child.name === node.initial) ?? null;
      if (state.initial === null) {
        throw new InvalidArgumentError(`${here}.initial`, node.initial, "name the state within it to begin with.");
      }
    }
  }

  #add(name: string, parent: CompiledState | null, node: StateNode, path: string): CompiledState {
    if (this.byName.has(name)) throw new InvalidArgumentError(path, name, "state names are unique in the whole machine: rename one.");
    if (this.states.length > STATES_MAX) throw new InvalidArgumentError(path, name, `a machine has at most ${STATES_MAX} states.`);
    const state: CompiledState = {
      ...{
        name,
        parent,
        index: this.states.length,
        depth: parent === null ? 0 : parent.depth + 1,
        children: [],
        initial: null,
        parallel: node.parallel === true,
      },
      onEntry: callbacksOf(node.onEntry, `${path}.onEntry`),
      onExit: callbacksOf(node.onExit, `${path}.onExit`),
    };
    this.states.push(state);
    parent?.children.push(state);
    if (parent !== null) this.byName.set(name, state);
    return state;
  }

  #connect(transition: StateTransition, path: string): void {
    if (typeof transition !== "object" || transition === null) throw new InvalidArgumentError(path, transition, "give { from, to }.");
    const { from, to, on, guards = [] } = transition;
    if (on !== undefined && (typeof on !== "string" || on === "")) throw new InvalidArgumentError(`${path}.on`, on, "name an event.");
    if (!Array.isArray(guards)) throw new InvalidArgumentError(`${path}.guards`, guards, "give a list of { condition, message }.");
    guards.forEach((guard: Partial<StateGuard> | null, at) => {
      const here = `${path}.guards[${at}]`;
      if (typeof guard?.condition !== "function") throw new InvalidArgumentError(`${here}.condition`, guard?.condition, "give a function.");
      if (typeof guard.message !== "string") throw new InvalidArgumentError(`${here}.message`, guard.message, "say why it refuses.");
    });
    const onTransition = callbacksOf(transition.onTransition, `${path}.onTransition`);
    const target = this.find(to, `${path}.to`);
    const sources: readonly unknown[] = Array.isArray(from) ? from : [from];
    sources.forEach((name, at) => {
      const source = this.find(name, Array.isArray(from) ? `${path}.from[${at}]` : `${path}.from`);
      this.edges.push({ from: source, to: target, on, guards, onTransition });
    });
  }
}

const AsyncFunction = (async () => {}).constructor;

function callbacksOf(given: unknown, path: string): CompiledCallback[] {
  if (given === undefined) return [];
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list.map((call, at) => {
    const here = Array.isArray(given) ? `${path}[${at}]` : path;
    if (typeof call !== "function") throw new InvalidArgumentError(here, call, "give a function or a list of them.");
    return { call: call as StateCallback<string, string, never>, isAsync: call instanceof AsyncFunction, path: here };
  });
}

/** What is entered below `domain` on the way to `target`, and with it, in document order. */
function entered(domain: CompiledState, target: CompiledState): CompiledState[] {
  const path: CompiledState[] = [];
  for (let at: CompiledState | null = target; at !== domain && at !== null; at = at.parent) path.unshift(at);
  const beside = path.filter(({ parallel }) => parallel).flatMap(({ children }) =>
    children.filter((child) => !path.includes(child)).flatMap(withInitial)
  );
  const states = [...path.slice(0, -1), ...withInitial(target), ...beside.filter((state) => !isWithin(state, target))];
  return states.sort((a, b) => a.index - b.index);
}

function withInitial(state: CompiledState): CompiledState[] {
  if (state.parallel) return [state, ...state.children.flatMap(withInitial)];
  return state.initial === null ? [state] : [state, ...withInitial(state.initial)];
}

/** The state within which everything is left and entered: the nearest that holds both ends, and is no parallel one (its regions go together). */
function domainOf({ from, to }: CompiledEdge): CompiledState {
  let domain = from.parent!;
  while (domain.parent !== null && (domain.parallel || !isWithin(to, domain))) domain = domain.parent;
  return domain;
}

function isWithin(state: CompiledState, domain: CompiledState): boolean {
  for (let at = state.parent; at !== null; at = at.parent) if (at === domain) return true;
  return false;
}

function notTogether(leaves: readonly string[], why: string): InvalidArgumentError {
  return new InvalidArgumentError("snapshot.states", leaves.join(", "), `these cannot be active together: ${why}.`);
}

const charts = new WeakMap<StateMachineDefinition, StateChart>();

/** The chart of a definition; that of a frozen one is made once. */
export function chartOf(definition: StateMachineDefinition): StateChart {
  const known = charts.get(definition);
  if (known !== undefined) return known;
  const chart = new StateChart(definition);
  if (Object.isFrozen(definition)) charts.set(definition, chart);
  return chart;
}
