/**
 * Which members of a group are to be tried for a message, best first. A member that is full passes the message on to the next.
 *
 * @module
 */
import type { Random } from "../base/random.ts";
import { SUBSCRIPTIONS_MAX } from "../memory/bus_layout.ts";
import type { Subscription } from "./subscriptions.ts";

/** Chooses for one thread. */
export class GroupChoice {
  readonly #turns = new Map<string, number>();

  /** `depthOf` says how much waits for a member; `first` sets threads apart, so that their turns do not begin with the same member. */
  constructor(
    private readonly random: Random,
    private readonly first: number,
    private readonly depthOf: (member: Subscription) => number,
  ) {}

  /** The members in the order in which to try them. The policy is that of the oldest member. */
  order(group: string, members: readonly Subscription[]): readonly Subscription[] {
    if (members.length === 1) return members;
    const sorted = [...members].sort((a, b) => a.id - b.id);
    switch (sorted[0].policy ?? "round-robin") {
      case "random":
        return rotated(sorted, this.random.below(sorted.length));
      case "least-busy": {
        const depths = new Map(sorted.map((member) => [member, this.depthOf(member)]));
        return sorted.sort((a, b) => depths.get(a)! - depths.get(b)!);
      }
      default: {
        // Names of groups that have gone are forgotten with all the others: turns then begin anew, which does no harm.
        if (this.#turns.size >= SUBSCRIPTIONS_MAX) this.#turns.clear();
        const turn = this.#turns.get(group) ?? this.first;
        this.#turns.set(group, (turn + 1) | 0);
        return rotated(sorted, (turn >>> 0) % sorted.length);
      }
    }
  }
}

function rotated<T>(list: readonly T[], by: number): T[] {
  return [...list.slice(by), ...list.slice(0, by)];
}
