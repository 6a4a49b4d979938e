/**
 * Behaviors of one thread by name: imported when first needed, once.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { type AgentBehavior, BEHAVIOR_BRAND } from "./agent.ts";

/** Where a behavior comes from: a module's URL, or (on the main thread only) the behavior itself. */
export type BehaviorSource = string | AgentBehavior;

/** Loads and remembers behaviors. */
export class BehaviorLoader {
  readonly #loaded = new Map<string, AgentBehavior>();
  readonly #loading = new Map<string, Promise<AgentBehavior>>();

  /** `sources` by name; `importing` hears of each import's begin and end. */
  constructor(
    private readonly sources: Readonly<Record<string, BehaviorSource>>,
    private readonly importing: (change: 1 | -1) => void = () => {},
  ) {
    for (const [type, source] of Object.entries(sources)) if (typeof source !== "string") this.#loaded.set(type, source);
  }

  /** Throws unless there is a behavior of that name. */
  check(type: string): void {
    if (Object.hasOwn(this.sources, type)) return;
    const known = Object.keys(this.sources).join(", ") || "none";
    throw new InvalidArgumentError("type", type, `known agent types: ${known}. Name it under behaviors in the manager's options.`);
  }

  /** The behavior if it is loaded. */
  get(type: string): AgentBehavior | undefined {
    return this.#loaded.get(type);
  }

  /** The behavior, imported if need be. A failed import is tried again at the next call. */
  load(type: string): Promise<AgentBehavior> {
    this.check(type);
    const ready = this.#loaded.get(type);
    if (ready !== undefined) return Promise.resolve(ready);
    let loading = this.#loading.get(type);
    if (loading === undefined) {
      loading = this.#import(type, this.sources[type] as string).finally(() => this.#loading.delete(type));
      this.#loading.set(type, loading);
    }
    return loading;
  }

  async #import(type: string, url: string): Promise<AgentBehavior> {
    let module: { default?: unknown };
    this.importing(1);
    try {
      module = await import(url);
    } catch (cause) {
      throw new KernelError(
        "BEHAVIOR_LOAD",
        `behavior ${type} could not be imported from ${shorten(url)}: ${remedy(cause)}`,
        { type },
        { cause },
      );
    } finally {
      this.importing(-1);
    }
    const behavior = module.default as AgentBehavior & Record<symbol, unknown> | undefined;
    if (behavior?.[BEHAVIOR_BRAND] !== true) {
      throw new KernelError(
        "BEHAVIOR_LOAD",
        `${shorten(url)} has no behavior as its default export; write \`export default defineAgent({ … })\`.`,
        { type },
      );
    }
    this.#loaded.set(type, behavior);
    return behavior;
  }
}

function remedy(cause: unknown): string {
  const said = cause instanceof Error ? cause.message : String(cause);
  // What is refused may be something that the module imports: the runtime names it.
  const refused = /Requires (read|import|net) access to "([^"]+)"/.exec(said);
  return refused === null ? said : `permission is missing; run with --allow-${refused[1]}=${refused[2]} (and of what it imports).`;
}

function shorten(url: string): string {
  return url.length > 120 ? url.slice(0, 119) + "…" : url;
}
