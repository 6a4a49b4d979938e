/**
 * Errors of the store that more than one of its parts throws.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";

/** Characters of a key that an error shows. */
const KEY_SHOWN_MAX = 80;

/** The error of an entry that is not what was written. */
export function corruptValue(namespace: string, key: string, data: Record<string, unknown> = {}): KernelError {
  const shown = key.length > KEY_SHOWN_MAX ? key.slice(0, KEY_SHOWN_MAX) + "…" : key;
  return new KernelError(
    "CORRUPT_VALUE",
    `the value of ${JSON.stringify(shown)} in namespace ${JSON.stringify(namespace)} is not what was written: its checksum differs. ` +
      "It stays as it is until the key is set or deleted; verify() lists all such keys.",
    { namespace, key: shown, ...data },
  );
}

/** There is no state on disk, or no longer. */
export function notKept(why: string): KernelError {
  return new KernelError(
    "PERSISTENCE_OFF",
    `${why}, so nothing would survive this process. Give the manager the option persistence: { path }.`,
  );
}
