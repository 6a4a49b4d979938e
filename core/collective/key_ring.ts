/**
 * Keys of one agent: named, versioned, bounded, and held as the runtime's key objects, so that their bytes are nowhere in this program unless somebody
 * asked for a key that may be exported and exports it.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { CIPHER_KEY_VERSIONS_MAX, CIPHER_KEYS_MAX } from "../base/limits.ts";

/** What a key is for. */
export type KeyAlgorithm = "AES-256-GCM" | "ChaCha20-Poly1305" | "X25519" | "Ed25519";

/** The algorithms. */
export const KEY_ALGORITHMS: readonly KeyAlgorithm[] = ["AES-256-GCM", "ChaCha20-Poly1305", "X25519", "Ed25519"];

/** One version: a secret key, or a pair. */
export interface KeyVersion {
  /** From 1. */
  readonly version: number;
  /** The secret key of a symmetric algorithm; the private one of a pair. */
  readonly secret: CryptoKey;
  /** Of a pair. */
  readonly shared?: CryptoKey;
  /** Messages encrypted with it: a random nonce is safe for so many. */
  uses: number;
}

/** One key. */
export interface NamedKey {
  /** Its name. */
  readonly id: string;
  /** What it is for. */
  readonly algorithm: KeyAlgorithm;
  /** Its bytes may be asked for. */
  readonly exportable: boolean;
  /** Those that still work; the last is used for new work. */
  versions: KeyVersion[];
  /** Time of the clock. */
  readonly createdAt: number;
  /** Time of the clock. */
  rotatedAt: number;
}

/** What may be told of a key. */
export interface KeyFacts {
  /** See `NamedKey`. */
  readonly id: string;
  /** See `NamedKey`. */
  readonly algorithm: KeyAlgorithm;
  /** See `NamedKey`. */
  readonly exportable: boolean;
  /** The version that new work uses. */
  readonly version: number;
  /** Those that still decrypt or verify. */
  readonly versions: readonly number[];
  /** See `NamedKey`. */
  readonly createdAt: number;
  /** See `NamedKey`. */
  readonly rotatedAt: number;
}

/** Web Crypto's name and use of each. */
const PARAMETERS: Readonly<
  Record<KeyAlgorithm, { readonly name: string; readonly length?: number; readonly usages: readonly KeyUsage[] }>
> = {
  "AES-256-GCM": { name: "AES-GCM", length: 256, usages: ["encrypt", "decrypt"] },
  "ChaCha20-Poly1305": { name: "ChaCha20-Poly1305", usages: ["encrypt", "decrypt"] },
  "X25519": { name: "X25519", usages: ["deriveBits"] },
  "Ed25519": { name: "Ed25519", usages: ["sign", "verify"] },
};

/** See the module. */
export class KeyRing {
  readonly #keys = new Map<string, NamedKey>();

  /** Makes a key. Throws `KEY_STORE_FULL`, `ALGORITHM_UNAVAILABLE`, or `InvalidArgumentError` for a name that is taken. */
  async generate(id: string, algorithm: KeyAlgorithm, exportable: boolean, now: number): Promise<KeyFacts> {
    this.#checkRoom(id);
    const version = await generated(algorithm, exportable, 1);
    return this.add({ id, algorithm, exportable, versions: [version], createdAt: now, rotatedAt: now });
  }

  /** Takes a key that was made elsewhere: an agreed one. */
  add(key: NamedKey): KeyFacts {
    this.#checkRoom(key.id); // again: another may have been made while this one was
    this.#keys.set(key.id, key);
    return factsOf(key);
  }

  /** A new version for new work; the old ones still decrypt and verify. */
  async rotate(id: string, now: number): Promise<KeyFacts> {
    const key = this.find(id);
    if (key.versions.length >= CIPHER_KEY_VERSIONS_MAX) {
      throw new KernelError("KEY_STORE_FULL", `key ${id} has ${CIPHER_KEY_VERSIONS_MAX} versions; retire old ones first.`, { id });
    }
    const made = await generated(key.algorithm, key.exportable, key.versions.at(-1)!.version + 1);
    // A second rotation may have come meanwhile.
    key.versions.push({ ...made, version: key.versions.at(-1)!.version + 1 });
    key.rotatedAt = now;
    return factsOf(key);
  }

  /** Forgets a key, or one version of it that is not the newest: what it encrypted is lost. */
  retire(id: string, version?: number): void {
    const key = this.find(id);
    if (version === undefined) return void this.#keys.delete(id);
    if (version === key.versions.at(-1)!.version) {
      throw new InvalidArgumentError(
        "params.version",
        version,
        "it is in use; rotate the key first, or leave the version out to forget the key.",
      );
    }
    this.find(id, version);
    key.versions = key.versions.filter((known) => known.version !== version);
  }

  /** A key; with a version it must have that one. Throws `KEY_NOT_FOUND`. */
  find(id: string, version?: number): NamedKey {
    const key = this.#keys.get(id);
    if (key === undefined) throw new KernelError("KEY_NOT_FOUND", `there is no key ${id}; list_keys names those that there are.`, { id });
    if (version !== undefined && !key.versions.some((known) => known.version === version)) {
      throw new KernelError("KEY_NOT_FOUND", `key ${id} has no version ${version}: it was retired or never was.`, { id, version });
    }
    return key;
  }

  /** The key for an algorithm. */
  expect(id: string, ...algorithms: KeyAlgorithm[]): NamedKey {
    const key = this.find(id);
    if (algorithms.includes(key.algorithm)) return key;
    throw new InvalidArgumentError("params.key", id, `it is for ${key.algorithm}; use a key for ${algorithms.join(" or ")}.`);
  }

  /** What there is. */
  list(): KeyFacts[] {
    return [...this.#keys.values()].map(factsOf);
  }

  #checkRoom(id: string): void {
    if (this.#keys.has(id)) {
      throw new InvalidArgumentError("params.key", id, "there is a key of this name; rotate it, or use another name.");
    }
    if (this.#keys.size < CIPHER_KEYS_MAX) return;
    throw new KernelError("KEY_STORE_FULL", `${CIPHER_KEYS_MAX} keys are kept already; retire some first.`, { keysMax: CIPHER_KEYS_MAX });
  }
}

/** What may be told of a key. */
export function factsOf({ id, algorithm, exportable, versions, createdAt, rotatedAt }: NamedKey): KeyFacts {
  const numbers = versions.map(({ version }) => version);
  return { id, algorithm, exportable, version: numbers.at(-1)!, versions: numbers, createdAt, rotatedAt };
}

/** The newest version, or the one that is named. */
export function versionOf(key: NamedKey, version?: number): KeyVersion {
  return version === undefined ? key.versions.at(-1)! : key.versions.find((known) => known.version === version)!;
}

async function generated(algorithm: KeyAlgorithm, exportable: boolean, version: number): Promise<KeyVersion> {
  const { name, length, usages } = PARAMETERS[algorithm];
  try {
    const made = await crypto.subtle.generateKey({ name, length } as AesKeyGenParams, exportable, [...usages]) as CryptoKey | CryptoKeyPair;
    return "privateKey" in made
      ? { version, secret: made.privateKey, shared: made.publicKey, uses: 0 }
      : { version, secret: made, uses: 0 };
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "NotSupportedError") throw error;
    throw new KernelError(
      "ALGORITHM_UNAVAILABLE",
      `this runtime has no ${algorithm}; use one of ${KEY_ALGORITHMS.filter((other) => other !== algorithm).join(", ")}.`,
      { algorithm },
      { cause: error },
    );
  }
}
