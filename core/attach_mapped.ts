/**
 * A look into the store of another process.
 *
 * @module
 */
import { plainCodec } from "./bus/codec.ts";
import { AttachedStore } from "./memory/attached_store.ts";

/**
 * Attaches to the file of a manager with `persistence: { path, mode: "mapped" }` in another process, to read its store while it runs, or after it has
 * crashed. Needs `--allow-read` of the file and `--allow-ffi`. Throws `MAPPING_UNAVAILABLE`, `PERSISTENCE_OPEN`, `PERSISTENCE_FOREIGN`,
 * `PERSISTENCE_VERSION`, `PERSISTENCE_DAMAGED`.
 *
 * @example
 * ```ts ignore
 * using store = attachMapped("./state.kernel");
 * console.log(store.get("orders", "42"), store.namespaces());
 * ```
 */
export function attachMapped(path: string): AttachedStore {
  return new AttachedStore(path, plainCodec);
}
