/**
 * What of a kernel is kept on disk, and by which way of keeping: put together here, because it spans the floors.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { AgentPart } from "./agents/agent_part.ts";
import type { Clock } from "./base/clock.ts";
import type { PersistencePlan } from "./base/config.ts";
import { RECOVERED_AGENTS_NAMED_MAX } from "./base/limits.ts";
import type { QueuePart } from "./bus/queue_part.ts";
import type { Kernels } from "./memory/kernels.ts";
import type { LogPart } from "./memory/log_part.ts";
import type { AgentRecovery, Persistence, PersistenceStatus, RecoveryReport } from "./memory/persistence.ts";
import { type PersistenceDisk, systemDisk } from "./memory/persistence_file.ts";
import { PortablePersistence } from "./memory/portable_persistence.ts";
import type { StorePart } from "./memory/store_part.ts";

/** What is kept. */
export interface KeptParts {
  /** The store. */
  readonly store: LogPart & Pick<StorePart, "restored">;
  /** Durable queues. */
  readonly queues: QueuePart;
  /** Agents. */
  readonly agents: AgentPart;
}

/** State in a log, with what it recovered of each part. */
class PortableState implements Persistence {
  #agents: readonly AgentRecovery[] = [];
  #flushing = false;

  constructor(private readonly log: PortablePersistence, private readonly parts: KeptParts) {}

  get recovery(): RecoveryReport {
    const { store, queues } = this.parts;
    const made = this.#agents.filter(({ outcome }) => outcome !== "lost");
    return {
      ...this.log.recovery,
      recovered: { entries: store.restored, queues: queues.restored.queues, messages: queues.restored.messages, agents: made.length },
      agents: [...this.#agents].sort((a, b) => rank(a) - rank(b)).slice(0, RECOVERED_AGENTS_NAMED_MAX),
    };
  }

  get status(): PersistenceStatus {
    return this.log.status;
  }

  async start(): Promise<void> {
    this.#agents = await this.parts.agents.revive();
    this.log.start();
    this.#flushing = true;
  }

  flush(): Promise<void> {
    return this.log.flush();
  }

  freeze(): void {
    this.parts.agents.freeze();
  }

  async close(): Promise<void> {
    if (this.#flushing) await this.log.close();
    else await this.log.abandon();
  }
}

function rank({ outcome }: AgentRecovery): number {
  return outcome === "lost" ? 0 : 1;
}

/** Opens the file of a plan and gives the parts back what is in it. Throws `ConfigError` or a `PERSISTENCE_…` error. */
export async function openState(
  plan: PersistencePlan,
  parts: KeptParts,
  clock: Clock,
  emit: (name: string, data: unknown) => void,
  { kernels, disk = systemDisk }: { kernels: Kernels; disk?: PersistenceDisk },
): Promise<Persistence> {
  const log = await PortablePersistence.open({
    ...{ path: plan.path, intervalMs: plan.intervalMs, disk, clock, emit, kernels },
    parts: [parts.store, parts.queues, parts.agents],
    turn: () => new Promise<void>((resolve) => void setImmediate(resolve)),
  });
  return new PortableState(log, parts);
}
