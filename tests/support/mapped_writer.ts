/**
 * A process that writes into a mapped store until it is killed, and says line by line what has been acknowledged: `n` once `set` has returned for
 * change n. Change n sets key `n % keys` to a value of n, and every seventh deletes it instead.
 *
 * ```sh
 * deno run --allow-read --allow-write --allow-ffi tests/support/mapped_writer.ts FILE [first change]
 * ```
 *
 * @module
 */
import { openMapped } from "./mapped_arena.ts";

/** Keys that are written to in turn. */
export const WRITER_KEYS = 500;
/** Every so many-th change deletes. */
export const WRITER_DELETES = 7;

/** What change `n` stores: of many lengths, so that blocks of all sizes come and go. */
export function writtenValue(n: number): { n: number; text: string } {
  return { n, text: String.fromCharCode(97 + n % 26).repeat((n * 37) % 700) };
}

/** Where it stores it. */
export function writtenKey(n: number): string {
  return `key-${n % WRITER_KEYS}`;
}

if (import.meta.main) {
  const [path, first = "1"] = Deno.args;
  const { store } = openMapped(path);
  const encoder = new TextEncoder();
  for (let n = Number(first);; n++) {
    if (n % WRITER_DELETES === 0) store.delete("writer", writtenKey(n));
    else store.set("writer", writtenKey(n), writtenValue(n));
    Deno.stdout.writeSync(encoder.encode(`${n}\n`));
  }
}
