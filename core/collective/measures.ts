/**
 * Commands that act on the outside: each takes or lifts a measure through an effector, and the agent remembers which stand.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { isPlainObject } from "../team/input.ts";
import { type Effector, type Measure, MEASURES, MemoryEffector, type StandingMeasure } from "../threats/effector.ts";
import { fields, type Handler, type Params } from "./contract.ts";
import { nameAt } from "./message.ts";

/** What an agent with measures remembers. */
export interface WithMeasures {
  /** Those that stand by its doing; what it says is blocked. */
  readonly standing: MemoryEffector;
  /** Acts on the outside; the same as `standing` unless another was given. */
  readonly effector: Effector;
}

/** A command's name → its measure, and whether it takes or lifts it. */
export type MeasureTable = Readonly<
  Record<string, { readonly measure: Measure; readonly lifts?: boolean; readonly from: readonly string[] }>
>;

/** Memory for measures that are taken through `effector`; without one they are kept and nothing outside is touched. */
export function withMeasures(effector?: Effector): WithMeasures {
  const standing = new MemoryEffector();
  return { standing, effector: effector ?? standing };
}

/** Commands of a table. */
export function measureCommands<Memory extends WithMeasures>(table: MeasureTable): Record<string, Handler<Memory>> {
  return Object.fromEntries(
    Object.entries(table).map(([name, { measure, lifts, from }]) => {
      const handler: Handler<Memory> = async (params, { standing, effector }, ctx) => {
        const target = targetOf(params, from);
        if (lifts) {
          await effector.lift(measure, target, ctx.signal);
          await standing.lift(measure, target);
          return { measure, target, stands: false };
        }
        const details = params.details ?? params.event ?? null;
        const outcome = await effector.take(measure, target, details, ctx.signal);
        if (effector !== standing && MEASURES[measure].undoable) await standing.take(measure, target, details);
        return { measure, target, stands: standing.stands(measure, target), outcome };
      };
      return [name, handler];
    }),
  );
}

/** Which measures stand: a query. */
export function standingOf<Memory extends WithMeasures>(): Handler<Memory> {
  return (params, { standing }) => {
    fields(params);
    return { standing: standing.standing().map(({ measure, target }) => ({ measure, target })) };
  };
}

/** What is to survive a thread. */
export function savedMeasures({ standing }: WithMeasures): StandingMeasure[] {
  return standing.standing();
}

/** What was saved, as memory again. */
export async function loadedMeasures(saved: unknown, effector?: Effector): Promise<WithMeasures> {
  const memory = withMeasures(effector);
  for (const { measure, target, details } of saved as StandingMeasure[]) await memory.standing.take(measure, target, details);
  return memory;
}

/**
 * `target` itself, or the first of the fields of an event that may name it, as in the playbooks. A step that is undone is told by its workflow what it
 * resulted in, and that names its target too.
 */
function targetOf(params: Params, from: readonly string[]): string {
  if (params.target !== undefined) return nameAt("params.target", params.target);
  const { event, result } = params;
  if (isPlainObject(result) && result.target !== undefined) return nameAt("params.result.target", result.target);
  for (const field of isPlainObject(event) ? from : []) {
    const value = Object.hasOwn(event as object, field) ? (event as Params)[field] : undefined;
    if (typeof value === "string" && value !== "") return nameAt(`params.event.${field}`, value);
  }
  throw new InvalidArgumentError("params.target", params.target, `give a target, or an event with one of ${from.join(", ")}.`);
}
