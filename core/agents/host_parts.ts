/**
 * The seam through which tests reach into a host: another clock, or somebody who stands between the ring and the handler. Production hosts have
 * none of it; the parts come from `./testing` as a constructor part, never by a flag.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { AgentId } from "../bus/message.ts";

/** Stands between the kernel and an agent's functions. */
export interface Interceptor {
  /** `awaited` says that somebody waits for a reply. `drop`: the message vanishes uncounted. `skip`: it counts as delivered and the handler is not called. */
  deliver?(to: AgentId, awaited: boolean): "handle" | "drop" | "skip";
  /** `skip`: onStart is not called. `absent`: the agent is reported as started and does not exist. `moved`: it lived on a thread that died. */
  start?(id: AgentId, moved: boolean): "start" | "skip" | "absent";
}

/** What a test may replace in a host. */
export interface HostParts {
  /** Replaces the clock of this host; it is given the real one. */
  readonly clock?: (real: Clock, host: number) => Clock;
  /** See `Interceptor`. */
  readonly interceptor?: (host: number) => Interceptor;
}
