/** Random charts, nested and parallel, driven by random commands beside a simple reference that knows only the tree. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Random } from "../../core/base/random.ts";
import { StateMachine, type StateNode, type StateTransition } from "../../core/base/state_machine.ts";

interface Tree {
  readonly name: string;
  readonly parallel: boolean;
  readonly children: Tree[];
}

/** The reference: a tree, a set of active names, and the rule in words. */
class Reference {
  readonly parents = new Map<string, Tree | null>();
  readonly nodes = new Map<string, Tree>();
  readonly order: string[] = [];
  active = new Set<string>();
  log: string[] = [];

  constructor(readonly root: Tree, readonly edges: readonly StateTransition[], initial: string) {
    const visit = (node: Tree, parent: Tree | null): void => {
      this.nodes.set(node.name, node);
      this.parents.set(node.name, parent);
      this.order.push(node.name);
      for (const child of node.children) visit(child, node);
    };
    visit(root, null);
    this.#activate(root, initial);
    this.log = [];
  }

  #above(name: string): string[] {
    const parent = this.parents.get(name);
    return parent ? [parent.name, ...this.#above(parent.name)] : [];
  }

  /** Makes a state active on the way to `target`: all of its regions, or the child that leads there, or its first. */
  #activate(node: Tree, target: string): void {
    if (!this.active.has(node.name)) {
      this.active.add(node.name);
      if (node !== this.root) this.log.push(`+${node.name}`);
    }
    const leads = (child: Tree): boolean => child.name === target || this.#above(target).includes(child.name);
    const wanted = node.parallel ? node.children : node.children.filter((child, at) => node.children.some(leads) ? leads(child) : at === 0);
    for (const child of wanted) this.#activate(child, target);
  }

  take(edge: StateTransition): void {
    const from = edge.from as string;
    const common = this.#above(from).find((name) => this.#above(edge.to).includes(name) && !this.nodes.get(name)!.parallel)!;
    const leaves = this.order.filter((name) => this.active.has(name) && this.#above(name).includes(common)).reverse();
    for (const name of leaves) {
      this.active.delete(name);
      this.log.push(`-${name}`);
    }
    this.#activate(this.nodes.get(common)!, edge.to);
  }

  /** Innermost first, then in document order, then in the order of the edges. */
  edgesTo(wanted: (edge: StateTransition) => boolean): StateTransition[] {
    const depth = (edge: StateTransition): number => this.#above(edge.from as string).length;
    const place = (edge: StateTransition): number => this.order.indexOf(edge.from as string);
    return this.edges.filter((edge) => wanted(edge) && this.active.has(edge.from as string))
      .sort((a, b) => depth(b) - depth(a) || place(a) - place(b));
  }

  transition(to: string, isOpen: boolean): boolean {
    const edge = this.edgesTo((edge) => edge.to === to).find((edge) => isOpen || edge.guards === undefined);
    if (edge !== undefined) this.take(edge);
    return edge !== undefined;
  }

  send(event: string, isOpen: boolean): boolean {
    const sources = [...new Set(this.edgesTo((edge) => edge.on === event).map(({ from }) => from as string))];
    const served = new Set<string>();
    let any = false;
    for (const source of sources) {
      if (served.has(source) || !this.active.has(source)) continue;
      const edge = this.edges.find((edge) => edge.from === source && edge.on === event && (isOpen || edge.guards === undefined));
      if (edge === undefined) continue;
      for (const name of this.#above(source)) served.add(name);
      this.take(edge);
      any = true;
    }
    return any;
  }

  get names(): string[] {
    return this.order.filter((name) => this.active.has(name) && name !== "");
  }
}

function randomTree(random: Random, name: string, depth: number): Tree {
  const count = depth === 0 ? 2 + random.below(3) : depth < 3 && random.below(2) === 0 ? 2 + random.below(2) : 0;
  const children = Array.from({ length: count }, (_, at) => randomTree(random, `${name}${"abcde"[at]}`, depth + 1));
  return { name, parallel: depth > 0 && count > 0 && random.below(3) === 0, children };
}

function make(seed: number): { reference: Reference; machine: StateMachine; log: string[]; names: string[] } {
  const random = new Random(seed);
  const root = randomTree(random, "", 0);
  const log: string[] = [];
  const names: string[] = [];
  const nodesOf = (children: readonly Tree[]): Record<string, StateNode> =>
    Object.fromEntries(children.map(({ name, parallel, children }) => {
      names.push(name);
      const node: StateNode = { parallel, onEntry: () => log.push(`+${name}`), onExit: () => log.push(`-${name}`) };
      return [name, children.length === 0 ? node : { ...node, initial: children[0].name, states: nodesOf(children) }];
    }));
  const states = nodesOf(root.children);
  const pick = (): string => names[random.below(names.length)];
  const guards = [{ condition: (isOpen: unknown) => isOpen === true, message: "closed" }];
  const transitions: StateTransition[] = Array.from({ length: 4 + random.below(12) }, () => ({
    ...{ from: pick(), to: pick() },
    ...random.below(2) === 0 ? { on: `e${random.below(3)}` } : {},
    ...random.below(3) === 0 ? { guards } : {},
  }));
  const initial = pick();
  const machine = new StateMachine<string, string, unknown>({ initial, states, transitions });
  return { reference: new Reference(root, transitions, initial), machine, log, names };
}

interface Real {
  readonly machine: StateMachine;
  readonly log: string[];
  readonly names: string[];
}

class Command implements fc.AsyncCommand<Reference, Real> {
  constructor(readonly kind: "go" | "send" | "restore", readonly at: number, readonly isOpen: boolean) {}
  check(): boolean {
    return true;
  }
  async run(reference: Reference, { machine, log, names }: Real): Promise<void> {
    log.length = reference.log.length = 0;
    if (this.kind === "restore") {
      machine.restore(machine.snapshot());
    } else if (this.kind === "go") {
      const to = names[this.at % names.length];
      assertEquals(
        machine.canTransitionTo(to, this.isOpen),
        reference.edgesTo((edge) => edge.to === to).some(({ guards }) => this.isOpen || !guards),
      );
      assertEquals(await machine.transition(to, { context: this.isOpen }), reference.transition(to, this.isOpen));
    } else {
      const event = `e${this.at % 3}`;
      assertEquals(await machine.send(event, { context: this.isOpen }), reference.send(event, this.isOpen));
    }
    assertEquals(machine.states, reference.names);
    assertEquals(log, reference.log);
  }
  toString(): string {
    return `${this.kind}(${this.at}, ${this.isOpen})`;
  }
}

Deno.test("random nested and parallel machines do what the reference does", async () => {
  const command = fc.tuple(fc.constantFrom("go" as const, "send" as const, "send" as const, "restore" as const), fc.nat(40), fc.boolean())
    .map((given) => new Command(...given));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1 }), fc.commands([command], { maxCommands: 40 }), async (seed, commands) => {
      const { reference, ...real } = make(seed);
      assertEquals(real.machine.states, reference.names);
      await fc.asyncModelRun(() => ({ model: reference, real }), commands);
    }),
    { numRuns: 400 },
  );
});
