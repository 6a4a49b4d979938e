import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { CIPHER_KEY_VERSIONS_MAX, CIPHER_KEYS_MAX } from "../../core/base/limits.ts";
import { KeyRing } from "../../core/collective/key_ring.ts";
import { agree, importPublic, publicBytes, seal, unseal } from "../../core/collective/sealing.ts";
import { codeOf, Collective } from "../support/collective_parts.ts";

const NONE = new Uint8Array();

Deno.test("what is encrypted is decrypted, by both algorithms, whatever it is; a changed bit or context is noticed", async () => {
  for (const algorithm of ["AES-256-GCM", "ChaCha20-Poly1305"] as const) {
    const ring = new KeyRing();
    await ring.generate("k", algorithm, false, 0);
    const key = ring.find("k");
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 512 }), fc.uint8Array({ maxLength: 16 }), fc.nat(), async (plain, context, bit) => {
        const sealed = await seal(key, plain, context);
        assertEquals(sealed.ciphertext.length, plain.length + 16);
        assertEquals(await unseal(key, sealed, context), plain);
        const changed = sealed.ciphertext.slice();
        changed[bit % changed.length] ^= 1 << (bit % 8);
        assertEquals(await codeOf(unseal(key, { ...sealed, ciphertext: changed }, context)), "DECRYPTION_FAILED");
        assertEquals(await codeOf(unseal(key, sealed, new Uint8Array([...context, 1]))), "DECRYPTION_FAILED");
      }),
      { numRuns: 25 },
    );
    const [first, second] = [await seal(key, NONE, NONE), await seal(key, NONE, NONE)];
    assertNotEquals(first.nonce, second.nonce);
  }
});

Deno.test("a known answer: ours is what AES-256-GCM gives (NIST's test case 14)", async () => {
  const raw = new Uint8Array(32);
  const secret = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  const versions = [{ version: 1, secret, uses: 0 }];
  const key = { id: "k", algorithm: "AES-256-GCM" as const, exportable: false, versions, createdAt: 0, rotatedAt: 0 };
  const ciphertext = Uint8Array.fromHex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  const sealed = { key: "k", version: 1, algorithm: "AES-256-GCM", nonce: new Uint8Array(12), ciphertext };
  assertEquals(await unseal(key, sealed, NONE), new Uint8Array(16));
});

Deno.test("commands: generate, encrypt, rotate, decrypt with the old version, retire", async () => {
  await using collective = new Collective();
  const cipher = await collective.spawn("cipher");
  const facts = await collective.command(cipher, "generate_key", { key: "mail" });
  assertEquals([facts.id, facts.algorithm, facts.version, facts.exportable], ["mail", "AES-256-GCM", 1, false]);
  const old = await collective.command(cipher, "encrypt", { key: "mail", plaintext: "grüße", context: "letter 1" });
  assertEquals((await collective.command(cipher, "rotate_key", { key: "mail" })).versions, [1, 2]);
  const fresh = await collective.command(cipher, "encrypt", { key: "mail", plaintext: "new", context: "letter 2" });
  assertEquals([old.version, fresh.version], [1, 2]);
  const opened = await collective.command(cipher, "decrypt", { ...old, context: "letter 1", as: "text" });
  assertEquals(opened, { plaintext: "grüße" });
  assertEquals(await codeOf(collective.command(cipher, "decrypt", { ...old, context: "letter 2" })), "DECRYPTION_FAILED");
  assertEquals(await codeOf(collective.command(cipher, "decrypt", { ...old, version: 2, context: "letter 1" })), "DECRYPTION_FAILED");
  assertEquals(await codeOf(collective.command(cipher, "retire_key", { key: "mail", version: 2 })), "INVALID_ARGUMENT");
  await collective.command(cipher, "retire_key", { key: "mail", version: 1 });
  assertEquals(await codeOf(collective.command(cipher, "decrypt", { ...old, context: "letter 1" })), "KEY_NOT_FOUND");
  assertEquals((await collective.query(cipher, "list_active_keys")).keys.map((key: { versions: number[] }) => key.versions), [[2]]);
  await collective.command(cipher, "retire_key", { key: "mail" });
  assertEquals(await collective.query(cipher, "list_active_keys"), { keys: [] });
});

Deno.test("two sides agree on a key by X25519 that neither has sent; for another use it is another", async () => {
  await using collective = new Collective();
  const [ann, bob] = [await collective.spawn("cipher"), await collective.spawn("cipher")];
  const a = await collective.command(ann, "generate_key", { key: "me", algorithm: "X25519" });
  const b = await collective.command(bob, "generate_key", { key: "me", algorithm: "X25519" });
  await collective.command(ann, "key_agreement", { key: "me", publicKey: b.publicKey, into: "chat", info: "chat" });
  await collective.command(bob, "key_agreement", { key: "me", publicKey: a.publicKey, into: "chat", info: "chat" });
  await collective.command(bob, "key_agreement", { key: "me", publicKey: a.publicKey, into: "files", info: "files" });
  const sealed = await collective.command(ann, "encrypt", { key: "chat", plaintext: "hello" });
  assertEquals(await collective.command(bob, "decrypt", { ...sealed, as: "text" }), { plaintext: "hello" });
  assertEquals(await codeOf(collective.command(bob, "decrypt", { ...sealed, key: "files" })), "DECRYPTION_FAILED");
  const small = collective.command(ann, "key_agreement", { key: "me", publicKey: new Uint8Array(32), into: "bad" });
  assertEquals(await codeOf(small), "INVALID_ARGUMENT", "a public key of small order");
  assertEquals(
    await codeOf(collective.command(ann, "encrypt", { key: "me", plaintext: "x" })),
    "INVALID_ARGUMENT",
    "that key is for agreement",
  );
});

Deno.test("the agreement is what RFC 7748 gives (its section 5.2), and both sides come to the same key", async () => {
  const nine = `09${"00".repeat(31)}`;
  const pkcs8 = Uint8Array.fromHex("302e020100300506032b656e04220420" + nine);
  const secret = await crypto.subtle.importKey("pkcs8", pkcs8, "X25519", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits(
    { name: "X25519", public: await importPublic("X25519", Uint8Array.fromHex(nine)) },
    secret,
    256,
  );
  assertEquals(new Uint8Array(bits).toHex(), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  const ring = new KeyRing();
  await ring.generate("a", "X25519", false, 0);
  await ring.generate("b", "X25519", false, 0);
  const [a, b] = [ring.find("a").versions[0], ring.find("b").versions[0]];
  const raw = async (key: CryptoKey): Promise<string> => new Uint8Array(await crypto.subtle.exportKey("raw", key)).toHex();
  const [ab, ba] = [await agree(a, b.shared!, "x", true), await agree(b, a.shared!, "x", true)];
  assertEquals(await raw(ab), await raw(ba));
  assertEquals((await publicBytes(a)).length, 32);
});

Deno.test("signatures hold for what was signed and nothing else, also those of rotated keys", async () => {
  await using collective = new Collective();
  const cipher = await collective.spawn("cipher");
  const { publicKey } = await collective.command(cipher, "generate_key", { key: "seal", algorithm: "Ed25519" });
  const { signature, version } = await collective.command(cipher, "sign", { key: "seal", data: "pay 10" });
  assertEquals(signature.length, 64);
  await collective.command(cipher, "rotate_key", { key: "seal" });
  assertEquals(await collective.command(cipher, "verify", { key: "seal", version, data: "pay 10", signature }), { valid: true });
  assertEquals(await collective.command(cipher, "verify", { publicKey, data: "pay 10", signature }), { valid: true });
  assertEquals(await collective.command(cipher, "verify", { publicKey, data: "pay 11", signature }), { valid: false });
  assertEquals(
    await collective.command(cipher, "verify", { key: "seal", data: "pay 10", signature }),
    { valid: false },
    "the new version did not",
  );
});

Deno.test("a key leaves only when it was made to, and nothing that an agent says holds one", async () => {
  await using collective = new Collective();
  const cipher = await collective.spawn("cipher");
  await collective.command(cipher, "generate_key", { key: "stays" });
  await collective.command(cipher, "generate_key", { key: "leaves", exportable: true });
  await collective.command(cipher, "generate_key", { key: "pair", algorithm: "Ed25519", exportable: true });
  assertEquals(await codeOf(collective.command(cipher, "export_key", { key: "stays" })), "KEY_NOT_EXPORTABLE");
  const { bytes, format } = await collective.command(cipher, "export_key", { key: "leaves" });
  assertEquals([bytes.length, format], [32, "raw"]);
  assertEquals((await collective.command(cipher, "export_key", { key: "pair" })).format, "pkcs8");
  const told = JSON.stringify([await collective.query(cipher, "status"), await collective.query(cipher, "list_keys")]);
  assert(!told.includes("secret") && !told.includes(bytes.toHex()), told);
  const ring = new KeyRing();
  await ring.generate("stays", "AES-256-GCM", false, 0);
  assertEquals(ring.find("stays").versions[0].secret.extractable, false, "the runtime itself refuses");
});

Deno.test("the key store is bounded, in keys and in versions, and refuses rather than forgets", async () => {
  const ring = new KeyRing();
  await ring.generate("first", "AES-256-GCM", false, 0);
  const first = ring.find("first");
  for (let number = 1; number < CIPHER_KEYS_MAX; number++) ring.add({ ...first, id: `key-${number}` });
  assertEquals(await codeOf(ring.generate("more", "AES-256-GCM", false, 0)), "KEY_STORE_FULL");
  assertEquals(await codeOf(ring.generate("first", "AES-256-GCM", false, 0)), "INVALID_ARGUMENT");
  for (let version = 2; version <= CIPHER_KEY_VERSIONS_MAX; version++) assertEquals((await ring.rotate("first", 0)).version, version);
  assertEquals(await codeOf(ring.rotate("first", 0)), "KEY_STORE_FULL");
  first.versions.at(-1)!.uses = 2 ** 32;
  assertEquals(await codeOf(seal(first, NONE, NONE)), "KEY_EXHAUSTED");
});

Deno.test("two rotations at the same time make two versions", async () => {
  const ring = new KeyRing();
  await ring.generate("k", "AES-256-GCM", false, 0);
  await Promise.all([ring.rotate("k", 0), ring.rotate("k", 0)]);
  assertEquals(ring.list()[0].versions, [1, 2, 3]);
});

Deno.test("a runtime without an algorithm is a refusal that names the others", async () => {
  const { generateKey } = crypto.subtle;
  crypto.subtle.generateKey = (() => Promise.reject(new DOMException("no", "NotSupportedError"))) as typeof generateKey;
  try {
    const failed = await new KeyRing().generate("k", "ChaCha20-Poly1305", false, 0).catch((error) => error);
    assertEquals(failed.code, "ALGORITHM_UNAVAILABLE");
    assertStringIncludes(failed.message, "AES-256-GCM");
  } finally {
    crypto.subtle.generateKey = generateKey;
  }
});
