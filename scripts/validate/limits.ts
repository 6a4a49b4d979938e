/**
 * What ends a run before its time: Ctrl-C and the time limit.
 *
 * @module
 */

/** How a run ended. */
export interface Ending<T> {
  /** What the run came to; null when it did not even come to its own end after the time limit. */
  value: T | null;
  /** Ended by Ctrl-C. */
  interrupted: boolean;
  /** Ended by the time limit. */
  timedOut: boolean;
}

/** What stops a run. */
export interface Limits {
  /** Of the whole run; none when absent. */
  timeoutMs?: number;
  /** So long a run may take to end once told, before it is left behind. */
  graceMs: number;
  /** Calls back at each Ctrl-C; returns what ends that. */
  onInterrupt(callback: () => void): () => void;
  /** The second Ctrl-C: nobody waits any more. */
  exitNow(): void;
  /** Says that the first one was heard. */
  say(text: string): void;
}

/** Runs something that ends when its signal says so. */
export async function runWithin<T>(limits: Limits, run: (signal: AbortSignal) => Promise<T>): Promise<Ending<T>> {
  const interrupt = new AbortController();
  const timeout = new AbortController();
  const timers: ReturnType<typeof setTimeout>[] = [];
  const leftBehind = Promise.withResolvers<null>();
  if (limits.timeoutMs !== undefined) {
    const { timeoutMs } = limits;
    timers.push(setTimeout(() => {
      timeout.abort(new Error(`--timeout of ${timeoutMs} ms reached`));
      timers.push(setTimeout(() => leftBehind.resolve(null), limits.graceMs));
    }, timeoutMs));
  }
  const stopListening = limits.onInterrupt(() => {
    if (interrupt.signal.aborted) return limits.exitNow();
    limits.say("interrupted: stopping the scenario; press Ctrl-C again to exit at once\n");
    interrupt.abort(new Error("interrupted"));
  });
  try {
    const value = await Promise.race([run(AbortSignal.any([interrupt.signal, timeout.signal])), leftBehind.promise]);
    return { value, interrupted: interrupt.signal.aborted, timedOut: timeout.signal.aborted };
  } finally {
    stopListening();
    for (const timer of timers) clearTimeout(timer);
  }
}
