/** Waiting for something that nobody announces. */
import { deadline } from "@std/async";

/** Resolves once `condition` holds, looked at in each turn of the event loop; rejects when it never does. */
export async function until(condition: () => boolean, patienceMs = 20_000): Promise<void> {
  let waiting = true;
  const looking = async (): Promise<void> => {
    while (waiting && !condition()) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  try {
    await deadline(looking(), patienceMs);
  } finally {
    waiting = false;
  }
}

/** Resolves once there is something at `path`. */
export async function untilThere(path: string): Promise<void> {
  await until(() => {
    try {
      return Deno.lstatSync(path) !== null;
    } catch {
      return false; // not yet
    }
  });
}
