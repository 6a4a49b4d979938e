/**
 * Measures again what was measured while the host of a virtual machine gave its processors to others: such a figure is of the neighbours. The system
 * says how much that was (Linux: `/proc/stat`, which the runtime lets a program read with `-A` only; elsewhere that is said).
 *
 * What it does not say is how quick the processors were: two virtual ones that share a core with others' get little more than half of it each. So a
 * fixed loop is timed before and after each figure. A figure beside which it was slow is measured again too, and the spread of its times is told.
 */

/** Above this share of the time in which a processor was wanted, a figure is measured again. */
const TAKEN_MAX = 0.01;
/** Above so many times the loop's best time as well: a core of one's own varies by half of it, a shared one takes more than twice as long. */
const SLOWER_MAX = 1.8;
/** Tries of one figure: a machine that is never left alone must still get an answer. */
const TRIES_MAX = 6;

/** Rounds of the fixed loop: 5 to 10 ms. */
const LOOP_ROUNDS = 5_000_000;

/** Runs of the loop of which the quickest counts: the engine forgets code that it has not used for a while, and compiles it anew. */
const LOOP_RUNS = 3;

/** How long the loop takes. */
function loopMs(): number {
  return Math.min(...Array.from({ length: LOOP_RUNS }, loopOnceMs));
}

/** Sums that do not wait for each other: what a shared core is slower at. One after the other would cost the same on it. */
function loopOnceMs(): number {
  const startedAt = performance.now();
  let [a, b, c, d, e, f] = [1, 2, 3, 4, 5, 6];
  for (let round = 0; round < LOOP_ROUNDS; round++) {
    a = (a + round) | 0;
    b ^= round;
    c = (c - round) | 0;
    d = (d + 7) | 0;
    e ^= a;
    f = (f + b) | 0;
  }
  const took = performance.now() - startedAt;
  return ((a ^ b ^ c ^ d ^ e ^ f) | 1) === 0 ? NaN : took; // looked at, so that the loop is not left out
}

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
  readonly #loopsMs: number[] = [];

  /** What `measure` gives when nobody disturbs it; of the least disturbed try where all were. */
  async figure<T>(measure: () => Promise<T>): Promise<T> {
    let best: { value: T; disturbance: number } | undefined;
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const before = this.#loop();
      const from = processorTicks();
      const value = await measure();
      const to = processorTicks();
      const slower = Math.max(before, this.#loop()) / Math.min(...this.#loopsMs);
      let taken = (to.taken - from.taken) / Math.max(1, to.wanted - from.wanted);
      if (Number.isNaN(taken)) {
        this.#isKnown = false;
        taken = 0;
      }
      if (taken <= TAKEN_MAX && slower <= SLOWER_MAX) return value;
      // Both as times as long: what was taken was waited for, over and over.
      const disturbance = slower / Math.max(TAKEN_MAX, 1 - taken);
      if (best === undefined || disturbance < best.disturbance) best = { value, disturbance };
      this.#again++;
      // Told at once, where no figures are: six tries of a long measurement are minutes in which nothing else is printed.
      const why = taken > TAKEN_MAX
        ? `the host took ${(taken * 100).toFixed(1)} % of the processor time`
        : `the cores became ${slower.toFixed(1)} times as slow`;
      console.error(`try ${tries} of ${TRIES_MAX} was disturbed: ${why}`);
    }
    this.#again--; // the last try was not repeated
    this.#disturbed++;
    return best!.value;
  }

  #loop(): number {
    const took = loopMs();
    this.#loopsMs.push(took);
    return took;
  }

  /** Two lines about it, for under the figures. */
  toString(): string {
    const taken = this.#isKnown ? `the host took over ${TAKEN_MAX * 100} % of the processor time meanwhile, or ` : "";
    const still = this.#disturbed === 0 ? "none stands that was" : `${this.#disturbed} disturbed figures stand`;
    const unknown = this.#isKnown ? "" : "; what the host took: not measured (run with -A on Linux)";
    return `measured again since ${taken}a fixed loop took over ${SLOWER_MAX} times its best: ${this.#again} times; ${still}${unknown}\n${this.#speed()}`;
  }

  #speed(): string {
    const sorted = this.#loopsMs.toSorted((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(1);
    return `a fixed loop before and after each figure: ${at(0)} ms at best, ${at(0.5)} at the median, ${at(1)} at worst`;
  }
}
