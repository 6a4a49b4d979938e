/**
 * What an event must be like, as data: fields with values or operators, all of which must hold. Compiled once; the cheap conditions come first, and those
 * that learn from what they see (`$anomalous`) only look at events for which all others hold.
 *
 * @module
 */
import { type ComparisonOperators, COMPARISONS, eachOperator, isPlain, type Operator, type PlainValue } from "../base/comparison.ts";
import { describe, InvalidArgumentError } from "../base/errors.ts";
import { FILTER_TEXT_LENGTH_MAX, THREAT_CONDITIONS_MAX } from "../base/limits.ts";
import { LinearPattern } from "../bus/linear_pattern.ts";
import { AnomalyDetector } from "./anomaly.ts";

/** Something that has happened, as a sensor tells it. */
export interface ThreatEvent {
  /** What kind of thing. */
  readonly event_type: string;
  /** Whatever else is known. */
  readonly [field: string]: unknown;
}

/** A value, or operators that must all hold for it. */
export type EventComparison =
  | PlainValue
  | ComparisonOperators & {
    /** A regular expression without look-around and back references, in time proportional to the text. Texts over 4,096 characters do not match. */
    readonly $regex?: string;
    /** A number that is out of line with those before it, of the same key: see `anomaly.ts`. */
    readonly $anomalous?: true | { readonly sigma?: number; readonly warmup?: number };
  };

/** Comparisons by field; a dot leads into an object. */
export type EventMatch = { readonly [field: string]: EventComparison };

/** A compiled match. */
export interface CompiledMatch {
  /** The one `event_type` that can match; undefined when several may. */
  readonly eventType: string | undefined;
  /** Whether all conditions hold that need no memory. */
  readonly test: (event: ThreatEvent) => boolean;
  /** The others: what they look at, and how each key's memory is made. */
  readonly learning: readonly { readonly read: (event: ThreatEvent) => unknown; readonly detector: () => AnomalyDetector }[];
}

const SIGMA = 4;
const WARMUP = 30;

const OPERATORS: Readonly<Record<string, Operator>> = {
  ...COMPARISONS,
  $regex: (source, path) => {
    const pattern = new LinearPattern(source as string, path);
    return (value) => typeof value === "string" && value.length <= FILTER_TEXT_LENGTH_MAX && pattern.test(value);
  },
};

const NAMES = [...Object.keys(OPERATORS), "$anomalous"];

/** Checks a match and compiles it. Throws `InvalidArgumentError` with the path to what is wrong. */
export function compileMatch(match: unknown, path: string): CompiledMatch {
  if (typeof match !== "object" || match === null || Array.isArray(match)) {
    throw new InvalidArgumentError(
      path,
      match,
      'give conditions by field, such as { event_type: "failed_auth", failed_attempts: { $gte: 5 } }.',
    );
  }
  const fields = Object.entries(match);
  if (fields.length === 0) {
    throw new InvalidArgumentError(path, match, "give at least one condition: an empty one would match every event.");
  }
  if (fields.length > THREAT_CONDITIONS_MAX) throw new InvalidArgumentError(path, match, `give at most ${THREAT_CONDITIONS_MAX} fields.`);
  const tests: ((event: ThreatEvent) => boolean)[] = [];
  const learning: CompiledMatch["learning"][number][] = [];
  for (const [field, comparison] of fields) {
    const read = reader(field);
    const at = `${path}.${field}`;
    if (isPlain(comparison)) tests.push((event) => read(event) === comparison);
    else {
      eachOperator(comparison, at, NAMES, (name, bound, path) => {
        if (name === "$anomalous") return void learning.push({ read, detector: detectorOf(bound, path) });
        const test = OPERATORS[name](bound, path);
        tests.push((event) => test(read(event)));
      });
    }
  }
  return { eventType: eventTypeOf(match as EventMatch), test: (event) => tests.every((test) => test(event)), learning };
}

/** Reads a field: its own name first, else the way that its dots lead. Own properties only. */
export function reader(field: string): (event: ThreatEvent) => unknown {
  const steps = field.split(".");
  return (event) => {
    if (Object.hasOwn(event, field)) return event[field];
    if (steps.length === 1) return undefined;
    return steps.reduce<unknown>(
      (value, step) => typeof value === "object" && value !== null && Object.hasOwn(value, step) ? (value as ThreatEvent)[step] : undefined,
      event,
    );
  };
}

function detectorOf(options: unknown, path: string): () => AnomalyDetector {
  if (options !== true && (typeof options !== "object" || options === null)) {
    throw new InvalidArgumentError(path, options, "use true, or { sigma, warmup }.");
  }
  const { sigma = SIGMA, warmup = WARMUP } = options === true ? {} : options as { sigma?: number; warmup?: number };
  if (!(sigma > 0 && sigma <= 100)) throw new InvalidArgumentError(`${path}.sigma`, sigma, "use a number above 0, at most 100.");
  if (!(Number.isInteger(warmup) && warmup >= 8 && warmup <= 10_000)) {
    throw new InvalidArgumentError(`${path}.warmup`, warmup, `use a whole number from 8 to 10,000, not ${describe(warmup)}.`);
  }
  return () => new AnomalyDetector(sigma, warmup);
}

function eventTypeOf({ event_type: wanted }: EventMatch): string | undefined {
  if (typeof wanted === "string") return wanted;
  const exact = typeof wanted === "object" && wanted !== null ? wanted.$eq : undefined;
  return typeof exact === "string" ? exact : undefined;
}
