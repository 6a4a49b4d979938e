/** State in a mapped file: what comes back, what is refused, and what is said of damage. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { HEADER, LAYOUT_VERSION } from "../../core/memory/layout.ts";
import { MappedArena } from "../../core/memory/mapped_arena.ts";
import { MAPPED_FORMAT, MAPPED_HEADER_BYTES } from "../../core/memory/mapped_layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { STORE, STORE_RECORD, STORE_RECORD_BYTES, storeParts } from "../../core/memory/store_layout.ts";
import { changeHeader, contents, mappedPlan, offsetOf, openMapped } from "../support/mapped_arena.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

const NEEDS = { read: true, write: true, ffi: true };
const KEYS = 300;

/** A file that was left in the middle of use, as by a kill: the bytes of one that is open. */
function leftBehind(path: string): void {
  const copy = path + ".copy";
  {
    using arena = openMapped(path);
    for (let n = 0; n < KEYS; n++) arena.store.set(n % 2 === 0 ? "even" : "odd", `key ${n}`, { n, text: "ä".repeat(n) });
    for (let n = 0; n < KEYS; n += 10) arena.store.delete("even", `key ${n}`);
    Deno.copyFileSync(path, copy);
  }
  Deno.renameSync(copy, path);
}

function contentsOf(path: string): Record<string, unknown> {
  using arena = openMapped(path);
  return contents(arena.store);
}

function patch(path: string, at: number, change: (bytes: Uint8Array) => void, length = 4): void {
  using file = Deno.openSync(path, { read: true, write: true });
  const bytes = new Uint8Array(length);
  file.seekSync(at, Deno.SeekMode.Start);
  file.readSync(bytes);
  change(bytes);
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(bytes);
}

/** Comparing millions of bytes one by one would take seconds. */
async function digestOf(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", Deno.readFileSync(path))).toHex();
}

function codeOf(fn: () => unknown): string {
  return assertThrows(fn, KernelError).code;
}

testWith(NEEDS, "what a file held comes back with its versions, however often, and versions go on", () =>
  withFolder((folder) => {
    const path = `${folder}/state`;
    leftBehind(path);
    let before: Record<string, unknown> | undefined;
    for (let start = 0; start < 3; start++) {
      using arena = openMapped(path);
      const { entries: restored, damaged, refused, older, named } = arena.found!;
      assertEquals([restored, damaged, refused, older, named, arena.isWhole, arena.notes], [KEYS * 0.9, 0, 0, 0, [], true, []]);
      before ??= contents(arena.store);
      assertEquals(Object.keys(before).length, KEYS * 0.9);
      assertEquals(contents(arena.store), before);
      assertEquals(arena.store.get("odd", "key 299"), { n: 299, text: "ä".repeat(299) });
      assertEquals(arena.store.verify().damaged, 0);
      const { entries, bytesLost } = arena.store.audit();
      assertEquals([entries, bytesLost], [KEYS * 0.9, 0]);
      arena.store.set("odd", "new", start);
      const { version } = arena.store.getEntry("odd", "new")!;
      assert(version > KEYS + KEYS / 10, `${version}`);
      arena.store.delete("odd", "new");
    }
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["state"]);
  }));

testWith(NEEDS, "a holder of the lock that died in the middle of a change costs nothing", () =>
  withFolder((folder) => {
    const path = `${folder}/state`;
    leftBehind(path);
    const { control, records } = storeParts(mappedPlan());
    const word = (value: number) => (bytes: Uint8Array): void => new DataView(bytes.buffer).setInt32(0, value, true);
    const field = (offset: number): number => MAPPED_HEADER_BYTES + control + offset;
    patch(path, field(STORE.lock), word(2));
    patch(path, field(STORE.whole), word(0));
    patch(path, field(STORE.changing), word(6));
    patch(path, field(STORE.chains), word(7));
    patch(path, field(STORE.freeEntry), word(0x7fff_ffff));
    // Its entry's chain leads nowhere.
    patch(path, MAPPED_HEADER_BYTES + records + 5 * STORE_RECORD_BYTES + STORE_RECORD.next, word(-5));
    using arena = openMapped(path);
    assertEquals(arena.found!.entries, KEYS * 0.9);
    assertEquals(arena.found!.damaged, 0);
    assertEquals(arena.store.get("odd", "key 5"), { n: 5, text: "ä".repeat(5) });
    const versions = Object.values(contents(arena.store)).map((entry) => (entry as [unknown, number])[1]);
    assertEquals(new Set(versions).size, versions.length, "no two values have one version");
    assertEquals(arena.store.getEntry("odd", "key 5")!.version, Math.max(...versions), "what was being changed has a version of its own");
  }));

testWith(
  NEEDS,
  "a flipped bit is found, counted and named, costs one key, and the file as it was is kept",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      leftBehind(path);
      const at = offsetOf(Deno.readFileSync(path), "key 33", MAPPED_HEADER_BYTES);
      patch(path, at, (bytes) => bytes[0] ^= 0x10, 1);
      const damaged = await digestOf(path);
      {
        using arena = openMapped(path);
        const { entries, damaged: lost, named } = arena.found!;
        assertEquals([entries, lost], [KEYS * 0.9 - 1, 1]);
        assert(named.some((note) => note.includes("checksum differs")), named.join());
        assertEquals([arena.store.has("odd", "key 33"), arena.store.has("odd", "key 35")], [false, true]);
      }
      assertEquals(await digestOf(path + ".damaged"), damaged);
      using again = openMapped(path);
      assertEquals([again.found!.damaged, again.found!.entries], [0, KEYS * 0.9 - 1]);
    }),
);

testWith(
  NEEDS,
  "any single flipped bit of the store's tables loses nothing silently and makes up nothing",
  () =>
    withFolder((folder) => {
      const path = `${folder}/state`;
      leftBehind(path);
      const whole = Deno.readFileSync(path);
      const known = contentsOf(path);
      const { control, records, units } = storeParts(mappedPlan());
      const places = [control + STORE.namespaceCount, control + STORE.namespaces, control + STORE.sequence + 6, control + STORE.entriesEnd];
      for (const field of Object.values(STORE_RECORD)) places.push(records + 40 * STORE_RECORD_BYTES + field);
      for (const field of [0, 4, 8, 12, 20, 40]) places.push(units + 80 * 64 + field);
      for (const at of places) {
        for (const bit of [0, 7]) {
          Deno.writeFileSync(path, whole);
          patch(path, MAPPED_HEADER_BYTES + at, (bytes) => bytes[0] ^= 1 << bit, 1);
          using arena = openMapped(path);
          const { entries, damaged } = arena.found!;
          const there = contents(arena.store);
          for (const [key, [value]] of Object.entries(there as Record<string, [unknown, number]>)) {
            const name = key.replace("$lost-0/", "even/").replace("$lost-1/", "odd/");
            assertEquals(value, (known[name] as [unknown, number])?.[0], `${key} after bit ${bit} of byte ${at}`);
          }
          const missing = Object.keys(known).length - Object.keys(there).length;
          assert(missing <= damaged, `${missing} keys are missing after bit ${bit} of byte ${at}, ${damaged} are reported`);
          assertEquals(Object.keys(there).length, entries);
        }
      }
    }),
);

testWith(NEEDS, "of a file that was cut off comes back what is left of it", () =>
  withFolder((folder) => {
    const path = `${folder}/state`;
    leftBehind(path);
    Deno.truncateSync(path, offsetOf(Deno.readFileSync(path), "key 200", MAPPED_HEADER_BYTES));
    using arena = openMapped(path);
    const { entries, damaged } = arena.found!;
    assertEquals(entries + damaged, KEYS * 0.9);
    assert(entries > 0 && damaged > 0, `${entries} ${damaged}`);
    assertEquals(arena.notes.length, 1);
    for (const [value] of Object.values(contents(arena.store)) as [{ n: number; text: string }, number][]) {
      assertEquals(value.text, "ä".repeat(value.n));
    }
  }));

testWith(NEEDS, "files that are not this kernel's, or another version's, are refused and not touched", () =>
  withFolder(async (folder) => {
    const path = `${folder}/state`;
    const refused = async (code: string, make: () => void): Promise<void> => {
      make();
      const before = await digestOf(path);
      assertEquals(codeOf(() => openMapped(path)), code);
      assertEquals(await digestOf(path), before);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["state"]);
    };
    leftBehind(path);
    const whole = Deno.readFileSync(path);
    const both = (change: (bytes: Uint8Array) => void) => (): void => {
      Deno.writeFileSync(path, whole);
      for (const at of [0, 24_576]) patch(path, at, change, 4_096);
    };
    await refused("PERSISTENCE_FOREIGN", () => Deno.writeTextFileSync(path, "not ours\n".repeat(10_000)));
    await refused("PERSISTENCE_FOREIGN", () => Deno.writeTextFileSync(path, "x"));
    await refused("PERSISTENCE_VERSION", both((bytes) => bytes[8] = MAPPED_FORMAT + 1));
    await refused("PERSISTENCE_DAMAGED", both((bytes) => bytes[100] ^= 1));
    await refused("PERSISTENCE_DAMAGED", () => Deno.writeFileSync(path, whole.subarray(0, 1_000)));
    Deno.writeFileSync(path, whole);
    // One copy suffices.
    patch(path, 100, (bytes) => bytes[0] ^= 1, 1);
    using arena = openMapped(path);
    assertEquals(arena.found!.entries, KEYS * 0.9);
    assertEquals(arena.notes.length, 1);
    assertEquals(arena.memory.words[HEADER.version >> 2], 0);
    assert(LAYOUT_VERSION > 0);
  }));

testWith(NEEDS, "an empty file is taken as a new one", () =>
  withFolder((folder) => {
    Deno.writeFileSync(`${folder}/state`, new Uint8Array(0));
    using arena = openMapped(`${folder}/state`);
    assertEquals([arena.found, arena.store.stats().entries], [undefined, 0]);
  }));

testWith(NEEDS, "a second manager is refused while the first one has the file, and a link is followed", () =>
  withFolder((folder) => {
    const path = `${folder}/state`;
    {
      using arena = openMapped(path);
      arena.store.set("a", "b", 1);
      assertEquals(codeOf(() => openMapped(path)), "PERSISTENCE_LOCKED");
      Deno.symlinkSync(path, `${folder}/link`);
      assertEquals(codeOf(() => openMapped(`${folder}/link`)), "PERSISTENCE_LOCKED");
      assertEquals(arena.store.get("a", "b"), 1);
    }
    using arena = openMapped(`${folder}/link`);
    assertEquals(arena.store.get("a", "b"), 1);
    assertEquals(Deno.lstatSync(`${folder}/link`).isSymlink, true);
  }));

testWith(NEEDS, "a start that never came to its end leaves the file as it was", () =>
  withFolder(async (folder) => {
    const path = `${folder}/state`;
    leftBehind(path);
    const before = await digestOf(path);
    Deno.writeFileSync(path + ".next", new Uint8Array(1_000).fill(7)); // of one that was killed
    const layout = mappedPlan();
    const memory = allocateMemory(layout.totalBytes);
    const started = MappedArena.open({ path, memory, layout, now: Date.now() });
    started.restoreStore();
    started.close(false);
    assertEquals(await digestOf(path), before);
    using arena = openMapped(path);
    assertEquals(arena.found!.entries, KEYS * 0.9);
  }));

testWith(NEEDS, "a store of another size takes over what fits, and refuses to lose the rest", () =>
  withFolder(async (folder) => {
    const path = `${folder}/state`;
    leftBehind(path);
    let known: Record<string, unknown>;
    {
      using larger = openMapped(path, mappedPlan(4 << 20));
      known = contents(larger.store);
      assertEquals(Object.keys(known).length, KEYS * 0.9);
    }
    {
      using smaller = openMapped(path, mappedPlan(1 << 19));
      assertEquals(contents(smaller.store), known);
    }
    const before = await digestOf(path);
    assertEquals(codeOf(() => openMapped(path, mappedPlan(1 << 17))), "PERSISTENCE_ROOM");
    assertEquals(await digestOf(path), before);
  }));

testWith(NEEDS, "after the end the memory is plain and empty, and closing again does nothing", () =>
  withFolder((folder) => {
    const opened = openMapped(`${folder}/state`);
    opened.store.set("a", "b", 1);
    opened.arena.close(true);
    opened.arena.close(true);
    assertEquals(opened.store.getEntry("a", "c"), undefined);
    opened.memory.words[100] = 7;
    using again = openMapped(`${folder}/state`);
    assertEquals([again.store.get("a", "b"), opened.memory.words[100]], [1, 7]);
  }));

testWith(NEEDS, "a file of another start of the system is not taken for one moment's", () =>
  withFolder((folder) => {
    const path = `${folder}/state`;
    leftBehind(path);
    assert(changeHeader(path, { boot: "0-1-2" }).boot.length > 30, "this system's start has a name");
    using arena = openMapped(path);
    assertEquals([arena.isWhole, arena.found!.entries], [false, KEYS * 0.9]);
  }));
