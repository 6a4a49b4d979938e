/**
 * Errors as payloads: which of their properties travel, and how they come to life again. And the error of a payload that is none.
 *
 * @module
 */
import { KernelError, kernelErrorPrototype } from "../base/errors.ts";

/** Brand of `KernelError`s, from whichever copy of the package. */
const BRAND = Symbol.for("@stage3/kernel.error");
/** Errors by their kind byte; those with constructors of their own kind stand behind. */
const ERRORS = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError] as const;
const AGGREGATE = 7;
/** Kind byte of a DOMException, such as an AbortSignal's reason: its name and message must be known when it is made. */
export const ERROR_DOM = 8;
const KERNEL = 9;
/** Properties that do not show when an error is enumerated. */
const HIDDEN: ReadonlySet<string> = new Set(["message", "cause", "errors"]);
/** Properties that are written before the fields of a KernelError. */
const COMMON: ReadonlySet<string> = new Set(["name", "message", "stack", "cause"]);

/** The kind byte of an error. */
export function errorKind(error: Error): number {
  if ((error as unknown as Record<symbol, unknown>)[BRAND] === true) return KERNEL;
  if (error instanceof AggregateError) return AGGREGATE;
  if (error instanceof DOMException) return ERROR_DOM;
  for (let kind = 1; kind < ERRORS.length; kind++) if (error instanceof ERRORS[kind]) return kind;
  return 0;
}

/** The properties of an error that travel. */
export function errorProperties(error: Error, kind: number): [key: string, value: unknown][] {
  const properties: [string, unknown][] = [];
  const { name, message, stack } = error;
  if (kind !== ERROR_DOM) {
    if (typeof name === "string" && (kind === KERNEL || name !== nameOfKind(kind))) properties.push(["name", name]);
    if (typeof message === "string" && (message !== "" || Object.hasOwn(error, "message"))) properties.push(["message", message]);
  }
  if (typeof stack === "string") properties.push(["stack", stack]);
  if (Object.hasOwn(error, "cause")) properties.push(["cause", error.cause]);
  if (kind === AGGREGATE) properties.push(["errors", (error as AggregateError).errors]);
  if (kind === KERNEL) {
    // Code, data and the fields of subclasses.
    const fields = error as unknown as Record<string, unknown>;
    for (const key of Object.keys(error)) if (!COMMON.has(key)) properties.push([key, fields[key]]);
  }
  return properties;
}

/** Makes an error without properties, or null when no error has that kind byte. `name` and `message` are those of a DOMException. */
export function makeError(kind: number, name: string, message: string): Error | null {
  // The stack of this thread would be thrown away, and taking it is what costs most here.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return construct(kind, name, message);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function construct(kind: number, name: string, message: string): Error | null {
  if (kind === KERNEL) return new KernelError("", "");
  if (kind === ERROR_DOM) return new DOMException(message, name);
  if (kind === AGGREGATE) return new AggregateError([]);
  return kind < ERRORS.length ? new ERRORS[kind]() : null;
}

/** Gives an error a property back; false when its value cannot be one of an error. */
export function setErrorProperty(error: Error, kind: number, key: string, value: unknown): boolean {
  const isText = key === "name" || key === "message" || key === "stack" || (key === "code" && kind === KERNEL);
  if (isText && typeof value !== "string") return false;
  if (key === "name" && kind === KERNEL) Object.setPrototypeOf(error, kernelErrorPrototype(value as string));
  if (key === "stack") error.stack = value as string;
  else Object.defineProperty(error, key, { value, enumerable: kind === KERNEL && !HIDDEN.has(key), writable: true, configurable: true });
  return true;
}

function nameOfKind(kind: number): string {
  return kind === AGGREGATE ? "AggregateError" : ERRORS[kind].name;
}

/** A payload cannot be read. */
export function corruptPayload(what: string, at: number, end: number, cause?: unknown): KernelError {
  return new KernelError(
    "CORRUPT_MESSAGE",
    `the bytes of a message cannot be read: ${what} (byte ${at} of a payload that ends at ${end}). ` +
      "The sender runs another version of the codec, or something else wrote into the message's memory.",
    { at, end },
    cause === undefined ? undefined : { cause },
  );
}
