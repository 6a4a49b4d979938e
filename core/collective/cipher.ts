/**
 * CIPHER: real cryptography by Web Crypto. Keys stay with the agent; what leaves it are ciphertexts, signatures and public keys.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { secretBytes } from "../base/random.ts";
import { choiceAt } from "../team/input.ts";
import type { Effector } from "../threats/effector.ts";
import { bytesAt, flagAt, optionalText } from "./fields.ts";
import { collectiveAgent, type CollectiveContext, fields, type Handler, type Params } from "./contract.ts";
import { KEY_ALGORITHMS, type KeyAlgorithm, type KeyFacts, KeyRing, versionOf } from "./key_ring.ts";
import { measureCommands, type WithMeasures, withMeasures } from "./measures.ts";
import { nameAt } from "./message.ts";
import { agree, importPublic, publicBytes, seal, sign, unseal, verify } from "./sealing.ts";

/** What CIPHER remembers. */
export interface CipherMemory extends WithMeasures {
  /** Its keys. */
  readonly ring: KeyRing;
}

type Command = Handler<CipherMemory>;
type Context = CollectiveContext<CipherMemory>;

const SEALING: readonly KeyAlgorithm[] = ["AES-256-GCM", "ChaCha20-Poly1305"];
const PROBE = new TextEncoder().encode("probe");

/** Text is UTF-8; bytes are bytes. */
function plainAt(field: string, value: unknown): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : bytesAt(field, value);
}

function contextAt(value: unknown): Uint8Array {
  return value === undefined ? new Uint8Array() : plainAt("params.context", value);
}

function keyAt(value: unknown): string {
  return nameAt("params.key", value);
}

const generateKey: Command = async (params, { ring }, ctx: Context) => {
  const { key, algorithm = "AES-256-GCM", exportable } = fields(params, "key", "algorithm", "exportable");
  const id = key === undefined ? `key-${ring.list().length + 1}` : keyAt(key);
  const chosen = choiceAt("params.algorithm", algorithm, KEY_ALGORITHMS);
  const facts = await ring.generate(id, chosen, flagAt("params.exportable", exportable), ctx.clock.now());
  return await withPublic(facts, ring);
};

async function withPublic(facts: KeyFacts, ring: KeyRing): Promise<KeyFacts & { publicKey?: Uint8Array }> {
  const newest = versionOf(ring.find(facts.id));
  return newest.shared === undefined ? facts : { ...facts, publicKey: await publicBytes(newest) };
}

const keyAgreement: Command = async (params, { ring }, ctx: Context) => {
  const { key, publicKey, into, info = "", exportable } = fields(params, "key", "publicKey", "into", "info", "exportable");
  const own = versionOf(ring.expect(keyAt(key), "X25519"));
  const peer = await importPublic("X25519", bytesAt("params.publicKey", publicKey));
  const mayLeave = flagAt("params.exportable", exportable);
  const secret = await agree(own, peer, optionalText("params.info", info), mayLeave);
  const now = ctx.clock.now();
  const versions = [{ version: 1, secret, uses: 0 }];
  const id = nameAt("params.into", into);
  return ring.add({ id, algorithm: "AES-256-GCM", exportable: mayLeave, versions, createdAt: now, rotatedAt: now });
};

const encrypt: Command = async (params, { ring }) => {
  const { key, plaintext, context } = fields(params, "key", "plaintext", "context");
  return await seal(ring.expect(keyAt(key), ...SEALING), plainAt("params.plaintext", plaintext), contextAt(context));
};

const decrypt: Command = async (params, { ring }) => {
  const { key, version, nonce, ciphertext, context, as = "bytes" } = fields(
    params,
    ...["key", "version", "algorithm", "nonce", "ciphertext", "context", "as"] as const,
  );
  const id = keyAt(key);
  const form = choiceAt("params.as", as, ["bytes", "text"]);
  ring.expect(id, ...SEALING);
  const known = ring.find(id, version as number | undefined);
  const sealed = {
    ...{ key: id, version: version as number, algorithm: known.algorithm },
    ...{ nonce: bytesAt("params.nonce", nonce), ciphertext: bytesAt("params.ciphertext", ciphertext) },
  };
  const plaintext = await unseal(known, sealed, contextAt(context));
  return { plaintext: form === "text" ? new TextDecoder().decode(plaintext) : plaintext };
};

const signData: Command = async (params, { ring }) => {
  const { key, data } = fields(params, "key", "data");
  return { key: keyAt(key), ...await sign(ring.expect(keyAt(key), "Ed25519"), plainAt("params.data", data)) };
};

const verifyData: Command = async (params, { ring }) => {
  const { key, version, publicKey, data, signature } = fields(params, "key", "version", "publicKey", "data", "signature");
  const [signed, by] = [plainAt("params.data", data), bytesAt("params.signature", signature)];
  if (publicKey !== undefined) {
    return { valid: await verify(await importPublic("Ed25519", bytesAt("params.publicKey", publicKey)), by, signed) };
  }
  const id = keyAt(key);
  ring.expect(id, "Ed25519");
  const known = ring.find(id, version as number | undefined);
  return { valid: await verify(versionOf(known, version as number | undefined).shared!, by, signed) };
};

const rotateKey: Command = async (params, { ring }, ctx: Context) => {
  const { key } = fields(params, "key");
  return await withPublic(await ring.rotate(keyAt(key), ctx.clock.now()), ring);
};

const retireKey: Command = (params, { ring }) => {
  const { key, version } = fields(params, "key", "version");
  ring.retire(keyAt(key), version as number | undefined);
  return { key, version, retired: true };
};

const exportKey: Command = async (params, { ring }) => {
  const { key } = fields(params, "key");
  const known = ring.find(keyAt(key));
  if (!known.exportable) {
    throw new KernelError("KEY_NOT_EXPORTABLE", `key ${known.id} was made to stay; make it with exportable: true if it is to leave.`, {
      id: known.id,
    });
  }
  const { version, secret } = versionOf(known);
  const format = secret.type === "private" ? "pkcs8" : "raw";
  return { key: known.id, version, format, bytes: new Uint8Array(await crypto.subtle.exportKey(format, secret)) };
};

/** New credentials: what they are goes to whoever asked, the measure to the effector. */
const CREDENTIAL_BYTES = 18;
const reset = measureCommands<CipherMemory>({
  reset_credentials: { measure: "reset_credentials", from: ["user", "user_id", "username", "source_ip"] },
});

const resetCredentials: Command = async (params, memory, ctx) => {
  const taken = await reset.reset_credentials(params, memory, ctx) as Params;
  return { ...taken, credential: secretBytes(CREDENTIAL_BYTES).toBase64({ alphabet: "base64url" }) };
};

const listKeys: Command = (params, { ring }) => {
  fields(params);
  return { keys: ring.list() };
};

/** Encrypts and decrypts something: whether the runtime still does what this agent is for. */
async function selfTest(): Promise<void> {
  const ring = new KeyRing();
  await ring.generate("probe", "AES-256-GCM", false, 0);
  const opened = await unseal(ring.find("probe"), await seal(ring.find("probe"), PROBE, PROBE), PROBE);
  if (opened.length !== PROBE.length || opened.some((byte, at) => byte !== PROBE[at])) {
    throw new InvalidArgumentError("probe", opened, "what was decrypted is not what was encrypted.");
  }
}

/** CIPHER, acting through `effector`; in memory without one. Its keys end with it: they cannot be taken along to another thread. */
export function cipher(effector?: Effector): AgentBehavior {
  return collectiveAgent<CipherMemory>({
    name: "CIPHER",
    capabilities: ["encryption", "key_agreement", "digital_signatures", "key_rotation", "key_management"],
    commands: {
      ...{ generate_key: generateKey, key_agreement: keyAgreement, encrypt, decrypt, sign: signData, verify: verifyData },
      ...{ rotate_key: rotateKey, retire_key: retireKey, export_key: exportKey, list_keys: listKeys, reset_credentials: resetCredentials },
    },
    queries: { list_active_keys: listKeys, list_keys: listKeys },
    memory: () => ({ ring: new KeyRing(), ...withMeasures(effector) }),
    selfTest,
  });
}
