/**
 * Which provider and model a request goes to.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import type { ModelRoute } from "../base/options.ts";
import type { ModelProvider } from "./model_provider.ts";
import { ModelError } from "./model_errors.ts";

/** Where a request goes. */
export interface Route {
  /** Who is asked. */
  readonly provider: ModelProvider;
  /** For what. */
  readonly model: string;
}

/** What is known of a request. */
export interface RouteFacts {
  /** Names that were given, the one that counts most first; the first that is not undefined is asked for. */
  readonly asked: readonly (string | undefined)[];
  /** Type of the agent that asks. */
  readonly agentType: string | undefined;
  /** Its length. */
  readonly chars: number;
}

/** No provider of that name. */
export class ProviderUnknownError extends KernelError {
  /** The field that names it, the name, and what there is. */
  constructor(readonly field: string, provider: string, known: readonly string[]) {
    super("PROVIDER_UNKNOWN", `${field}: no provider is called ${provider}; there are ${known.join(", ")} (see executor.providers).`, {
      ...{ field, provider, known },
    });
  }
}

/** The rules of one kernel. */
export class Router {
  /** The first provider is the default one. */
  constructor(
    private readonly providers: ReadonlyMap<string, ModelProvider>,
    private readonly rules: readonly ModelRoute[],
    private readonly models: Readonly<Record<string, string>>,
  ) {
    for (const { name, defaultModel } of providers.values()) {
      if (defaultModel !== undefined) this.check(`${name}:${defaultModel}`, "executor.model");
    }
    for (const [index, { use }] of rules.entries()) this.check(use, `executor.routes[${index}].use`);
    for (const [type, model] of Object.entries(models)) this.check(model, `executor.models.${type}`);
  }

  /** Where a request goes. Throws `ProviderUnknownError`, or `ModelUnknownError` for one that its provider is known not to have. */
  route({ asked, agentType, chars }: RouteFacts): Route {
    const given = asked.find((name) => name !== undefined) ?? (agentType === undefined ? undefined : own(this.models, agentType));
    const rule = this.rules.find(({ agentType: type, model, charsMin = 0 }) =>
      (type === undefined || type === agentType) && (model === undefined || fits(model, given)) && chars >= charsMin
    );
    const { provider, model = provider.defaultModel } = this.#parse("model", rule?.use ?? given ?? "");
    if (model === undefined) throw new ModelError("MODEL_UNKNOWN", provider.name, "no model was named, and it has no default", field());
    if (provider.models !== undefined && !provider.models.includes(model)) {
      throw new ModelError("MODEL_UNKNOWN", provider.name, `model: it has no ${model}; it has ${provider.models.join(", ")}`, field());
    }
    return { provider, model };
  }

  /** Throws unless `name` could be routed; for what is said long before it is used. */
  check(name: string, field: string): void {
    const { provider, model } = this.#parse(field, name);
    if (model !== undefined && provider.models !== undefined && !provider.models.includes(model)) {
      throw new ModelError("MODEL_UNKNOWN", provider.name, `${field}: it has no ${model}; it has ${provider.models.join(", ")}`, {
        data: { field },
      });
    }
  }

  /** A model's own name may hold colons (`llama3:8b`): what stands before the first one is a provider only if there is one of that name. */
  #parse(field: string, name: string): { provider: ModelProvider; model: string | undefined } {
    if (typeof name !== "string") throw new InvalidArgumentError(field, name, "give the name of a model, or provider:model.");
    const [standard] = this.providers.values();
    const colon = name.indexOf(":");
    const provider = colon < 0 ? undefined : this.providers.get(name.slice(0, colon));
    if (provider !== undefined) return { provider, model: name.slice(colon + 1) || undefined };
    // A provider that knows its models knows that this is none of them.
    if (colon > 0 && standard.models !== undefined && !standard.models.includes(name)) {
      throw new ProviderUnknownError(field, name.slice(0, colon), [...this.providers.keys()]);
    }
    return { provider: standard, model: name || undefined };
  }
}

function field(): { data: { field: string } } {
  return { data: { field: "model" } };
}

function own(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function fits(pattern: string, name: string | undefined): boolean {
  if (name === undefined) return false;
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
