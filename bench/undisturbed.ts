/**
 * Measures again what was measured while the host of a virtual machine gave its processors to others: such a figure is of the neighbours. The system
 * says how much that was (Linux: `/proc/stat`, which the runtime lets a program read with `-A` only); elsewhere every figure stands, and it is said.
 */

/** Above this share of the time in which a processor was wanted, a figure is measured again. */
const TAKEN_MAX = 0.01;
/** Tries of one figure: a machine that is never left alone must still get an answer. */
const TRIES_MAX = 6;

/** Processor time since the machine started, in ticks of 10 ms: wanted by its programs, and of it not given. NaN where the system does not say. */
function processorTicks(): { wanted: number; taken: number } {
  let line: string;
  // Asked for first: a question in a terminal would stand in the middle of a measurement.
  if (Deno.permissions.querySync({ name: "read", path: "/proc/stat" }).state !== "granted") return { wanted: NaN, taken: NaN };
  try {
    line = Deno.readTextFileSync("/proc/stat").split("\n", 1)[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.NotFound) return { wanted: NaN, taken: NaN };
    throw error;
  }
  const [user, nice, system, , , irq, softirq, taken] = line.trim().split(/\s+/).slice(1).map(Number);
  return { wanted: user + nice + system + irq + softirq + taken, taken };
}

/** Figures that were measured, and what was taken from the machine meanwhile. */
export class Undisturbed {
  #again = 0;
  #disturbed = 0;
  #isKnown = true;

  /** What `measure` gives when nobody disturbs it; of the least disturbed try where all were. */
  async figure<T>(measure: () => Promise<T>): Promise<T> {
    let best: { value: T; taken: number } | undefined;
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const from = processorTicks();
      const value = await measure();
      const to = processorTicks();
      const taken = (to.taken - from.taken) / Math.max(1, to.wanted - from.wanted);
      if (Number.isNaN(taken)) this.#isKnown = false;
      if (!(taken > TAKEN_MAX)) return value;
      if (best === undefined || taken < best.taken) best = { value, taken };
      this.#again++;
    }
    this.#again--; // the last try was not repeated
    this.#disturbed++;
    return best!.value;
  }

  /** One line about it, for under the figures. */
  toString(): string {
    if (!this.#isKnown) {
      return "what the host took from this machine meanwhile: not measured (run with -A on Linux to repeat what was disturbed)";
    }
    const limit = `over ${TAKEN_MAX * 100} % of the processor time`;
    const still = this.#disturbed === 0 ? "none stands that was" : `${this.#disturbed} disturbed figures stand`;
    return `measured again since the host took ${limit} meanwhile: ${this.#again} times; ${still}`;
  }
}
