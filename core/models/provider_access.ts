/**
 * Keys and permissions of providers: asked for without a prompt, and what is missing is named with the flag that grants it.
 *
 * @module
 */
import { ModelKeyMissingError } from "./model_errors.ts";
import { KernelError } from "../base/errors.ts";

/** What a provider needs to read from the environment. */
export interface KeySource {
  /** Provider, for the error. */
  readonly provider: string;
  /** Given in the configuration; goes before the variable. */
  readonly apiKey?: string;
  /** Variable that holds the key. */
  readonly variable: string;
  /** Variables that the provider's library reads besides. */
  readonly alsoReads?: readonly string[];
}

function granted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/** What is not refused as a header: the refusal would show the key. */
const HEADER_VALUE = /^[\x21-\x7e]+$/;

/** The key. Throws `ModelKeyMissingError` that names the variable and the flag. */
export function keyOf({ provider, apiKey, variable, alsoReads = [] }: KeySource): string {
  const wanted = apiKey === undefined ? [variable, ...alsoReads] : alsoReads;
  const denied = wanted.filter((name) => !granted({ name: "env", variable: name }));
  if (denied.length > 0) {
    const why = denied.includes(variable) ? `set ${variable}, and run` : "its library reads the environment. Run";
    throw new ModelKeyMissingError(provider, variable, `${why} with --allow-env=${wanted.join(",")}.`);
  }
  const key = apiKey ?? Deno.env.get(variable);
  if (key !== undefined && HEADER_VALUE.test(key)) return key;
  if (key) {
    const where = apiKey === undefined ? variable : "apiKey";
    throw new ModelKeyMissingError(provider, variable, `${where} holds something that is no key (a line's end, a space?); set it anew.`);
  }
  throw new ModelKeyMissingError(provider, variable, `set ${variable}, or give apiKey beside the provider's name.`);
}

/** Throws unless the provider's host may be reached. */
export function checkNetwork(provider: string, baseUrl: string): void {
  const { host, hostname, port, protocol } = new URL(baseUrl);
  const full = port === "" ? `${hostname}:${protocol === "http:" ? 80 : 443}` : host;
  if (granted({ name: "net", host: full })) return;
  throw new KernelError("PERMISSION_MISSING", `${provider} is reached at ${full}: run with --allow-net=${full}.`, { provider, host: full });
}

/** Throws unless the command may be run. */
export function checkRun(provider: string, command: string): void {
  if (granted({ name: "run", command })) return;
  throw new KernelError("PERMISSION_MISSING", `${provider} runs ${command}: run with --allow-run=${command}.`, { provider, command });
}
