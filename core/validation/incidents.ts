/**
 * The deaths of threads while scenarios run: what the kernel says became of each, and which threads there are now.
 *
 * @module
 */
import type { AgentId } from "../agents/agent.ts";
import type { Recovery } from "../agents/supervisor.ts";
import { type HostDiedError, isKernelError } from "../base/errors.ts";
import type { Kernel } from "../kernel.ts";
import type { Incident } from "./result.ts";

/** One death and what followed; settled when its agents live elsewhere and another thread has taken its place, or when one of it failed. */
interface Death {
  readonly host: number;
  readonly at: number;
  readonly why: string;
  recovery?: Recovery;
  replacement?: number;
  failure?: unknown;
}

/** Errors of a thread that was to take a dead one's place. */
const NOT_REPLACED: ReadonlySet<string> = new Set(["NO_HOST", "THREAD_START"]);

/** Hears of every death of one manager's threads. */
export class IncidentBook {
  /** Worker threads that live, by their place in the load; a replacement takes the place of the dead one. */
  readonly hosts: number[];
  /** Called for each agent that lives on another thread now, and for each that was lost (host −1). */
  onMoved: (id: AgentId, host: number) => void = () => {};
  readonly #deaths: Death[] = [];

  /** Listens from now on. */
  constructor(private readonly manager: Kernel, threads: number) {
    this.hosts = Array.from({ length: threads }, (_, index) => index + 1);
    const find = (host: number): Death | undefined => this.#deaths.find((death) => death.host === host);
    manager.on("host:died", ({ host, why }: HostDiedError) => {
      this.#deaths.push({ host, why, at: manager.clock.now() });
    });
    manager.on("agent:restarted", ({ agentId, host }: { agentId: AgentId; host?: number }) => {
      if (host !== undefined) this.onMoved(agentId, host);
    });
    manager.on("agent:lost", ({ agentId }: { agentId: AgentId }) => this.onMoved(agentId, -1));
    manager.on("host:recovered", (recovery: Recovery) => Object.assign(find(recovery.host) ?? {}, { recovery }));
    manager.on("host:replaced", ({ host, replacement }: { host: number; replacement: number }) => {
      Object.assign(find(host) ?? {}, { replacement });
      const place = this.hosts.indexOf(host);
      if (place >= 0) this.hosts[place] = replacement;
    });
    manager.on("agent:error", ({ host, error }: { host?: number; error: unknown }) => {
      if (host !== undefined && isKernelError(error) && NOT_REPLACED.has(error.code)) Object.assign(find(host) ?? {}, { failure: error });
    });
  }

  /** Deaths so far. */
  get count(): number {
    return this.#deaths.length;
  }

  /** Whether a death has not been dealt with yet. */
  get open(): boolean {
    return this.#deaths.some(({ recovery, replacement, failure }) =>
      failure === undefined && (recovery === undefined || replacement === undefined)
    );
  }

  /** Why a thread could not be replaced; undefined when all could. */
  get failure(): { readonly reason: unknown } | undefined {
    const failed = this.#deaths.find(({ failure }) => failure !== undefined);
    return failed === undefined ? undefined : { reason: failed.failure };
  }

  /** Whether a thread has died. */
  isDead(host: number): boolean {
    return this.#deaths.some((death) => death.host === host);
  }

  /** Deaths from the `first` on, with times counted from `startAt`. */
  incidents(first: number, startAt: number): Incident[] {
    return this.#deaths.slice(first).map(({ host, at, why, recovery }) => ({
      ...{ atMs: Math.round(at - startAt), host, why },
      ...{ agentsMoved: recovery?.agentsMoved ?? 0, agentsLost: recovery?.agentsLost ?? 0, messagesMoved: recovery?.messagesMoved ?? 0 },
      ...{ messagesInterrupted: recovery?.messagesInterrupted ?? 0, durationMs: recovery?.durationMs ?? null },
    }));
  }
}
