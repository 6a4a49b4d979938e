/**
 * What playbooks do to the outside, behind one interface: measures that are taken and lifted. The default keeps them in memory, so that a program can ask
 * what is blocked; another may run commands (command_effector.ts) or call a firewall.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { MEASURES_KEPT_MAX } from "../base/limits.ts";

/** Measures that playbooks take. */
export type Measure =
  | "block_source"
  | "lock_account"
  | "reset_credentials"
  | "isolate_host"
  | "capture_traffic"
  | "analyze_malware"
  | "notify"
  | "log_incident";

/** The measures by name, and whether one can be lifted. */
export const MEASURES: Readonly<Record<Measure, { readonly undoable: boolean }>> = {
  block_source: { undoable: true },
  lock_account: { undoable: true },
  reset_credentials: { undoable: false },
  isolate_host: { undoable: true },
  capture_traffic: { undoable: true },
  analyze_malware: { undoable: true },
  notify: { undoable: false },
  log_incident: { undoable: true },
};

/** Takes and lifts measures. Both must bear to be asked twice: the second time nothing changes. */
export interface Effector {
  /** Takes a measure against a target, such as an address. Returns what is to be kept of it; `stood: true` in it says that it stood already, so that a playbook that is undone leaves it. */
  take(measure: Measure, target: string, details: unknown, signal?: AbortSignal): Promise<unknown>;
  /** Lifts it. */
  lift(measure: Measure, target: string, signal?: AbortSignal): Promise<void>;
}

/** A measure that stands. */
export interface StandingMeasure {
  /** Which. */
  readonly measure: Measure;
  /** Against what. */
  readonly target: string;
  /** What was known when it was taken. */
  readonly details: unknown;
  /** Whether it stood when it was to be taken. */
  readonly stood?: boolean;
}

/** Keeps measures in memory: nothing outside is touched. */
export class MemoryEffector implements Effector {
  readonly #standing = new Map<string, StandingMeasure>();

  /** Throws `MEASURES_FULL` when too many stand, and `InvalidArgumentError` for what is no measure. */
  take(measure: Measure, target: string, details: unknown): Promise<StandingMeasure> {
    const name = nameOf(measure, target);
    const known = this.#standing.get(name);
    if (known !== undefined) return Promise.resolve({ ...known, stood: true });
    if (this.#standing.size >= MEASURES_KEPT_MAX) {
      return Promise.reject(
        new KernelError(
          "MEASURES_FULL",
          `${MEASURES_KEPT_MAX} measures stand already. Lift some, or use an effector that keeps them elsewhere.`,
        ),
      );
    }
    const taken: StandingMeasure = { measure, target, details };
    this.#standing.set(name, taken);
    return Promise.resolve(taken);
  }

  /** Harmless when it does not stand. */
  lift(measure: Measure, target: string): Promise<void> {
    this.#standing.delete(nameOf(measure, target));
    return Promise.resolve();
  }

  /** Whether a measure stands. */
  stands(measure: Measure, target: string): boolean {
    return this.#standing.has(nameOf(measure, target));
  }

  /** All that stand. */
  standing(): StandingMeasure[] {
    return [...this.#standing.values()];
  }
}

function nameOf(measure: Measure, target: string): string {
  if (!Object.hasOwn(MEASURES, measure)) {
    throw new InvalidArgumentError("measure", measure, `use one of ${Object.keys(MEASURES).join(", ")}.`);
  }
  return `${measure} ${target}`;
}
