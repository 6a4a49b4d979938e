/**
 * Starts the playbooks of incidents: so many at a time, the worst first, and says of those that must not wait any longer that nobody came.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { PLAYBOOKS_RUNNING_MAX } from "../base/limits.ts";
import type { WorkflowDefinition } from "../workflows/workflow.ts";
import type { ThreatIncident } from "./incident.ts";
import type { PlaybookRunner } from "./playbook_runner.ts";
import { rankOf } from "./threat_level.ts";

interface Waiting {
  readonly incident: ThreatIncident;
  readonly playbook: WorkflowDefinition;
  readonly resolve: () => void;
}

/** How a playbook must end for its incident to be answered. */
const COMPLETED = "COMPLETED";

/** Answers incidents. */
export class Responder {
  /** Incidents that found too many others before them. */
  unanswered = 0;
  readonly #running = new Set<Promise<void>>();
  /** Worst first, oldest first among equals; as many as may run. */
  readonly #waiting: Waiting[] = [];

  /** Without a runner nothing is started. */
  constructor(private readonly runner: PlaybookRunner | undefined, private readonly clock: Clock) {}

  /** Playbooks that run. */
  get running(): number {
    return this.#running.size;
  }

  /** Incidents that wait for a start. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Starts the playbook of an incident; resolves when that has been done, or never will be. Never rejects. */
  async answer(incident: ThreatIncident, playbook: WorkflowDefinition | undefined): Promise<void> {
    if (incident.state !== "open" || playbook === undefined || this.runner === undefined) return;
    if (this.#running.size < PLAYBOOKS_RUNNING_MAX) return await this.#start(incident, playbook);
    await new Promise<void>((resolve) => this.#wait({ incident, playbook, resolve }));
  }

  /** Resolves when nothing runs or waits. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #wait(one: Waiting): void {
    const rank = rankOf(one.incident.severity);
    let at = this.#waiting.length;
    while (at > 0 && rankOf(this.#waiting[at - 1].incident.severity) < rank) at--;
    this.#waiting.splice(at, 0, one);
    if (this.#waiting.length <= PLAYBOOKS_RUNNING_MAX) return;
    const { incident, resolve } = this.#waiting.pop()!;
    this.unanswered++;
    incident.turn("unanswered", this.clock.now(), `${PLAYBOOKS_RUNNING_MAX} playbooks run and as many worse ones wait`);
    resolve();
  }

  async #start(incident: ThreatIncident, playbook: WorkflowDefinition): Promise<void> {
    const { promise, resolve: ended } = Promise.withResolvers<void>();
    this.#running.add(promise);
    const end = (): void => {
      this.#running.delete(promise);
      ended();
      this.#next();
    };
    try {
      const execution = await this.runner!.start(playbook, { input: { event: incident.event, incident: summaryOf(incident) } });
      incident.execution = execution;
      incident.turn("responding", this.clock.now(), `${playbook.id} has started as ${execution.id}`);
      void this.#follow(incident, playbook).finally(end);
    } catch (error) {
      incident.error = error;
      incident.turn(
        "failed",
        this.clock.now(),
        `${playbook.id} could not be started: ${error instanceof Error ? error.message : String(error)}`,
      );
      end();
    }
  }

  async #follow(incident: ThreatIncident, playbook: WorkflowDefinition): Promise<void> {
    try {
      const { state } = await incident.execution!.result();
      incident.turn(state === COMPLETED ? "answered" : "failed", this.clock.now(), `${playbook.id} has ended ${state}`);
    } catch (error) {
      incident.error = error;
      incident.turn("failed", this.clock.now(), `${playbook.id} has failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) void this.#start(next.incident, next.playbook).then(next.resolve);
  }
}

/** What a playbook is told of its incident: data, which can be kept in a journal. */
function summaryOf({ id, patternId, severity, key, count, openedAt }: ThreatIncident): Record<string, unknown> {
  return { id, patternId, severity, key, count, openedAt };
}
