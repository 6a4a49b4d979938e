/** Code interrupted at each of its atomic steps, in one thread. */

type Steps = "load" | "store" | "add" | "compareExchange" | "wait";

/** Replaces functions of the built-in `Atomics`, which core/memory/atomics.ts looks up at each call, while `fn` runs. */
function patched<T>(names: readonly Steps[], replace: (name: Steps, original: (...args: unknown[]) => unknown) => unknown, fn: () => T): T {
  const originals = names.map((name) => Reflect.get(Atomics, name) as (...args: unknown[]) => unknown);
  names.forEach((name, i) => Reflect.set(Atomics, name, replace(name, originals[i])));
  try {
    return fn();
  } finally {
    names.forEach((name, i) => Reflect.set(Atomics, name, originals[i]));
  }
}

/** Runs `outer`, and all of `inner` before its atomic step number `step`; false when it has fewer steps. */
export function atStep(step: number, inner: () => void, outer: () => void): boolean {
  let [steps, inside, ran] = [0, false, false];
  const replace = (_name: Steps, original: (...args: unknown[]) => unknown) => (...args: unknown[]) => {
    if (!inside && steps++ === step) {
      inside = ran = true;
      inner();
      inside = false;
    }
    return original(...args);
  };
  patched(["load", "store", "add", "compareExchange"], replace, outer);
  return ran;
}

/** Runs `fn` with waits that end at once: the bounds count slices, so nothing is lost but time. */
export function withoutWaiting<T>(fn: () => T): T {
  return patched(["wait"], () => () => "timed-out", fn);
}

/** Runs `fn`; from its atomic step number `step` on each step throws, as if the thread had died: not even a `finally` changes anything shared. */
export function runUntilStep(step: number, fn: () => void): boolean {
  let steps = 0;
  let died = false;
  const replace = (_name: Steps, original: (...args: unknown[]) => unknown) => (...args: unknown[]) => {
    if (steps++ < step) return original(...args);
    died = true;
    throw new Error("died");
  };
  patched(["load", "store", "add", "compareExchange"], replace, () => {
    try {
      fn();
    } catch (error) {
      if (!(error instanceof Error) || error.message !== "died") throw error;
    }
  });
  return died;
}
