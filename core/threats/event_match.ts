/**
 * What an event must be like, as data: fields with values or operators, all of which must hold. Compiled once; the cheap conditions come first, and those
 * that learn from what they see (`$anomalous`) only look at events for which all others hold.
 *
 * @module
 */
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
  | string
  | number
  | boolean
  | null
  | {
    /** Equal. */
    readonly $eq?: string | number | boolean | null;
    /** Not equal, or not there. */
    readonly $ne?: string | number | boolean | null;
    /** Greater: numbers with numbers, strings with strings. */
    readonly $gt?: number | string;
    /** Greater or equal. */
    readonly $gte?: number | string;
    /** Less. */
    readonly $lt?: number | string;
    /** Less or equal. */
    readonly $lte?: number | string;
    /** One of these. */
    readonly $in?: readonly (string | number | boolean | null)[];
    /** Whether it is there at all. */
    readonly $exists?: boolean;
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

type Test = (value: unknown) => boolean;
type Ordered = number | string;

const SIGMA = 4;
const WARMUP = 30;

const isOrdered = (value: unknown): value is Ordered => typeof value === "string" || (typeof value === "number" && !Number.isNaN(value));
const isPlain = (value: unknown): boolean => value === null || ["string", "number", "boolean"].includes(typeof value);

function ordering(holds: (value: Ordered, bound: Ordered) => boolean): (bound: unknown, path: string) => Test {
  return (bound, path) => {
    if (!isOrdered(bound)) throw new InvalidArgumentError(path, bound, "compare with a number or a string.");
    return (value) => isOrdered(value) && typeof value === typeof bound && holds(value, bound);
  };
}

function plain(value: unknown, path: string): unknown {
  if (isPlain(value)) return value;
  throw new InvalidArgumentError(path, value, "give a string, a number, a boolean or null.");
}

const OPERATORS: Readonly<Record<string, (bound: unknown, path: string) => Test>> = {
  $eq: (bound, path) => ((wanted) => (value: unknown) => value === wanted)(plain(bound, path)),
  $ne: (bound, path) => ((wanted) => (value: unknown) => value !== wanted)(plain(bound, path)),
  $gt: ordering((value, bound) => value > bound),
  $gte: ordering((value, bound) => value >= bound),
  $lt: ordering((value, bound) => value < bound),
  $lte: ordering((value, bound) => value <= bound),
  $in: (list, path) => {
    if (!Array.isArray(list)) throw new InvalidArgumentError(path, list, "give a list.");
    const known = new Set<unknown>(list.map((one, at) => plain(one, `${path}[${at}]`)));
    return (value) => known.has(value);
  },
  $exists: (wanted, path) => {
    if (typeof wanted !== "boolean") throw new InvalidArgumentError(path, wanted, "use true or false.");
    return (value) => (value !== undefined) === wanted;
  },
  $regex: (source, path) => {
    const pattern = new LinearPattern(source as string, path);
    return (value) => typeof value === "string" && value.length <= FILTER_TEXT_LENGTH_MAX && pattern.test(value);
  },
};

const NAMES = [...Object.keys(OPERATORS), "$anomalous"].join(", ");

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
      for (const [name, bound] of operatorsOf(comparison, at)) {
        if (name === "$anomalous") learning.push({ read, detector: detectorOf(bound, `${at}.$anomalous`) });
        else {
          const test = operator(name, bound, at);
          tests.push((event) => test(read(event)));
        }
      }
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

function operatorsOf(comparison: unknown, path: string): [string, unknown][] {
  const operators = typeof comparison === "object" && comparison !== null && !Array.isArray(comparison) ? Object.entries(comparison) : [];
  if (operators.length > 0) return operators;
  throw new InvalidArgumentError(path, comparison, `give a value, or operators: ${NAMES}.`);
}

function operator(name: string, bound: unknown, path: string): Test {
  if (Object.hasOwn(OPERATORS, name)) return OPERATORS[name](bound, `${path}.${name}`);
  throw new InvalidArgumentError(`${path}.${name}`, bound, `there is no such operator; use one of ${NAMES}.`);
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
