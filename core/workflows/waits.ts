/**
 * Steps that wait for somebody: for approval, for a signal.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { SIGNALS_KEPT_MAX } from "../base/limits.ts";
import { stepRejected } from "./errors.ts";
import { findUnit } from "./replay.ts";
import type { Run } from "./run.ts";
import type { Unit } from "./unit.ts";

/** A step that waits. */
export interface PendingWait {
  /** The step. */
  readonly stepId: string;
  /** For what. */
  readonly kind: "approval" | "signal" | "in-doubt";
  /** Who may approve; empty for anybody. */
  readonly by?: readonly string[];
  /** Name of the signal. */
  readonly signal?: string;
  /** Time of the clock since when. */
  readonly since: number;
}

/** What waits in one execution. */
export class Waits {
  readonly #approvals = new Map<string, Unit>();
  readonly #signals = new Map<string, Unit[]>();
  /** Signals that nobody has waited for yet, by name. */
  readonly #early = new Map<string, unknown[]>();
  #earlyCount = 0;

  /** Of `run`. */
  constructor(private readonly run: Run) {}

  /** Whether enough parties have agreed. */
  isApproved(unit: Unit): boolean {
    return (unit.approvedBy?.length ?? 0) >= unit.step.approval!.count;
  }

  /** Waits for approval. */
  forApproval(unit: Unit): void {
    unit.state = "WAITING";
    unit.startedAt = this.run.now;
    this.#approvals.set(unit.id, unit);
    this.run.note("waiting", unit.id, { approval: unit.step.approval });
  }

  /** Waits for somebody to say whether it has happened: the process died in the middle of it. */
  forDecision(unit: Unit): void {
    unit.inDoubt = true;
    unit.state = "WAITING";
    this.#approvals.set(unit.id, unit);
  }

  /** Waits for a signal, or takes one that was early. */
  forSignal(unit: Unit): void {
    const { signal } = unit.step;
    unit.startedAt = this.run.now;
    if ((this.#early.get(signal)?.length ?? 0) > 0) return this.run.conclude(unit, this.take(signal));
    unit.state = "WAITING";
    const others = this.#signals.get(signal);
    if (others === undefined) this.#signals.set(signal, [unit]);
    else others.push(unit);
    this.run.note("waiting", unit.id, { signal });
  }

  /** A signal: the step that has waited longest takes it, or the next that will. */
  signal(name: string, data: unknown): void {
    if (!this.run.plan.signals.has(name)) {
      const names = [...this.run.plan.signals].join(", ") || "none";
      throw new InvalidArgumentError("signal", name, `no step of ${this.run.plan.definition.id} waits for it; its signals: ${names}.`);
    }
    const waiting = this.#signals.get(name);
    const unit = waiting?.[0];
    if (unit === undefined && this.#earlyCount >= SIGNALS_KEPT_MAX) {
      const message = `${SIGNALS_KEPT_MAX} signals wait already for steps to take them. Send as many as there are steps.`;
      throw new KernelError("SIGNALS_FULL", message, { name, signalsMax: SIGNALS_KEPT_MAX });
    }
    this.run.note("signal", unit?.id, { name, data }); // throws when the data cannot be kept: then the step still waits
    waiting?.shift();
    if (unit !== undefined) this.run.conclude(unit, data);
    else this.keep(name, data);
  }

  /** Keeps a signal that nobody waits for yet. */
  keep(name: string, data: unknown): void {
    this.#earlyCount++;
    const early = this.#early.get(name);
    if (early === undefined) this.#early.set(name, [data]);
    else early.push(data);
  }

  /** Takes one that was kept. */
  take(name: string): unknown {
    this.#earlyCount--;
    return this.#early.get(name)!.shift();
  }

  /** A party agrees; the step goes on when enough have. One in doubt is run again, unless they say that it has run. */
  approve(stepId: string, by: string, ran?: { readonly result: unknown }): void {
    const unit = this.#waiting(stepId, by);
    if (ran !== undefined && !unit.inDoubt) {
      throw new InvalidArgumentError("ran", true, `step ${stepId} has not begun; only for one in doubt can it be said to have run.`);
    }
    this.run.note("approved", stepId, { by });
    unit.approvedBy ??= [];
    if (!unit.approvedBy.includes(by)) unit.approvedBy.push(by);
    if (!unit.inDoubt && !this.isApproved(unit)) return;
    this.#approvals.delete(stepId);
    unit.state = "PENDING";
    unit.inDoubt = false;
    if (ran !== undefined) return this.run.conclude(unit, ran.result);
    this.run.push(unit);
    this.run.pump();
  }

  /** A party refuses: the step has failed. */
  reject(stepId: string, by: string, reason: string): void {
    const unit = this.#waiting(stepId, by);
    this.#approvals.delete(stepId);
    this.run.giveUp(unit, stepRejected(stepId, by, reason));
  }

  /** All that waits. */
  list(): PendingWait[] {
    const approvals = [...this.#approvals.values()].map((unit): PendingWait => ({
      ...{ stepId: unit.id, kind: unit.inDoubt ? "in-doubt" : "approval", by: unit.step.approval?.by ?? [], since: unit.startedAt! },
    }));
    const signals = [...this.#signals.values()].flat().map((unit): PendingWait => ({
      ...{ stepId: unit.id, kind: "signal", signal: unit.step.signal, since: unit.startedAt! },
    }));
    return [...approvals, ...signals];
  }

  /** Nobody waits any more. */
  close(): void {
    this.#approvals.clear();
    this.#signals.clear();
    this.#early.clear();
  }

  #waiting(stepId: string, by: string): Unit {
    if (typeof by !== "string" || by === "") throw new InvalidArgumentError("by", by, "say who.");
    if (findUnit(this.run, stepId) === undefined) throw new InvalidArgumentError("step", stepId, "there is no step of this id.");
    const unit = this.#approvals.get(stepId);
    if (unit === undefined) {
      throw new KernelError("NOT_WAITING", `step ${stepId} does not wait for approval now. See execution.waiting().`, { stepId });
    }
    const allowed = unit.step.approval?.by ?? [];
    if (allowed.length > 0 && !allowed.includes(by)) {
      throw new KernelError("APPROVAL_REFUSED", `${by} may not decide on step ${stepId}; these may: ${allowed.join(", ")}.`, {
        stepId,
        by,
        allowed,
      });
    }
    return unit;
  }
}
