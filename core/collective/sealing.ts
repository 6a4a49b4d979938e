/**
 * Encryption, agreement and signatures by Web Crypto, with the keys of a ring.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { secretBytes } from "../base/random.ts";
import { type KeyVersion, type NamedKey, versionOf } from "./key_ring.ts";

/** What was encrypted, with all that decryption needs but the key. */
export interface Sealed {
  /** Name of the key. */
  readonly key: string;
  /** Of the key. */
  readonly version: number;
  /** The key's. */
  readonly algorithm: string;
  /** Different for each message. */
  readonly nonce: Uint8Array;
  /** With the tag at its end. */
  readonly ciphertext: Uint8Array;
}

/** Bytes of a nonce, for both algorithms. */
const NONCE_BYTES = 12;
/** With random nonces of 96 bits two are the same with a probability of 2⁻³² after so many (NIST SP 800-38D). */
const MESSAGES_PER_KEY_MAX = 2 ** 32;
const KEY_BYTES = 32;
const NAMES: Readonly<Record<string, string>> = { "AES-256-GCM": "AES-GCM", "ChaCha20-Poly1305": "ChaCha20-Poly1305" };

/** Copies: Web Crypto takes no bytes of shared memory. */
function parametersOf(algorithm: string, nonce: Uint8Array, context: Uint8Array): AesGcmParams {
  return { name: NAMES[algorithm], iv: new Uint8Array(nonce), additionalData: new Uint8Array(context) };
}

/** Encrypts with the newest version. `context` is not encrypted, but decryption needs the same. */
export async function seal(key: NamedKey, plaintext: Uint8Array, context: Uint8Array): Promise<Sealed> {
  const newest = versionOf(key);
  if (newest.uses >= MESSAGES_PER_KEY_MAX) {
    throw new KernelError("KEY_EXHAUSTED", `key ${key.id} has encrypted 2^32 messages; rotate it.`, {
      id: key.id,
      version: newest.version,
    });
  }
  newest.uses++;
  const nonce = secretBytes(NONCE_BYTES);
  const ciphertext = await crypto.subtle.encrypt(parametersOf(key.algorithm, nonce, context), newest.secret, new Uint8Array(plaintext));
  return { key: key.id, version: newest.version, algorithm: key.algorithm, nonce, ciphertext: new Uint8Array(ciphertext) };
}

/** Decrypts with the version that encrypted. Throws `DECRYPTION_FAILED` when a bit of it, or of the context, is another. */
export async function unseal(key: NamedKey, { version, nonce, ciphertext }: Sealed, context: Uint8Array): Promise<Uint8Array> {
  if (nonce.length !== NONCE_BYTES) throw new InvalidArgumentError("params.nonce", nonce, `give its ${NONCE_BYTES} bytes.`);
  try {
    const parameters = parametersOf(key.algorithm, nonce, context);
    return new Uint8Array(await crypto.subtle.decrypt(parameters, versionOf(key, version).secret, new Uint8Array(ciphertext)));
  } catch (cause) {
    const message = `what was given is not what key ${key.id} encrypted in this context, or was changed since.`;
    throw new KernelError("DECRYPTION_FAILED", message, { id: key.id, version }, { cause });
  }
}

/** A signature by the newest version. */
export async function sign(key: NamedKey, data: Uint8Array): Promise<{ version: number; signature: Uint8Array }> {
  const { version, secret } = versionOf(key);
  return { version, signature: new Uint8Array(await crypto.subtle.sign("Ed25519", secret, new Uint8Array(data))) };
}

/** Whether a public key signed this. */
export async function verify(publicKey: CryptoKey, signature: Uint8Array, data: Uint8Array): Promise<boolean> {
  return await crypto.subtle.verify("Ed25519", publicKey, new Uint8Array(signature), new Uint8Array(data));
}

/** A public key of the other side. */
export async function importPublic(algorithm: "X25519" | "Ed25519", bytes: Uint8Array): Promise<CryptoKey> {
  if (bytes.length !== KEY_BYTES) throw new InvalidArgumentError("params.publicKey", bytes, `give its ${KEY_BYTES} bytes.`);
  return await crypto.subtle.importKey("raw", new Uint8Array(bytes), { name: algorithm }, true, algorithm === "Ed25519" ? ["verify"] : []);
}

/** Bytes of a public key. */
export async function publicBytes(version: KeyVersion): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", version.shared!));
}

/**
 * A secret that both sides come to: X25519, then HKDF-SHA-256 over both public keys and what the key is for, so that the same pair agrees on different keys
 * for different uses. Throws `InvalidArgumentError` for a public key of small order.
 */
export async function agree(own: KeyVersion, peer: CryptoKey, info: string, exportable: boolean): Promise<CryptoKey> {
  const secret = await crypto.subtle.deriveBits({ name: "X25519", public: peer }, own.secret, 8 * KEY_BYTES).catch((cause) => {
    throw Object.assign(new InvalidArgumentError("params.publicKey", null, "it is no public key to agree with."), { cause });
  });
  if (new Uint8Array(secret).every((byte) => byte === 0)) throw new InvalidArgumentError("params.publicKey", null, "it is of small order.");
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const both = [await publicBytes(own), new Uint8Array(await crypto.subtle.exportKey("raw", peer))].sort(byBytes);
  const salt = new Uint8Array([...both[0], ...both[1]]);
  const parameters = { name: "HKDF", hash: "SHA-256", salt, info: new TextEncoder().encode(info) };
  return await crypto.subtle.deriveKey(parameters, base, { name: "AES-GCM", length: 256 }, exportable, ["encrypt", "decrypt"]);
}

/** Both sides must come to the same order. */
function byBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? 0 : a[at] - b[at];
}
