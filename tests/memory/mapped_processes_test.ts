/** A mapped file and several processes: killed, reading along, adding together, without the permission; and the stress of the mapping itself. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { load } from "../../core/memory/atomics.ts";
import { openMapped } from "../support/mapped_arena.ts";
import { WRITER_DELETES, WRITER_KEYS, writtenKey, writtenValue } from "../support/mapped_writer.ts";
import { ADDED_WORD, firstPage, resetPage } from "../support/mapped_process.ts";
import { testWith } from "../support/permissions.ts";
import { runDeno, withFolder } from "../support/run_deno.ts";

const NEEDS = { read: true, write: true, run: true, ffi: true };
const ROOT = new URL("../../", import.meta.url);
const FLAGS = ["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-ffi"];
const KILLS = 10;

interface Writer extends AsyncDisposable {
  /** Reads until so many more changes are acknowledged. */
  acknowledged(changes: number): Promise<number>;
  /** Ends it at once and returns the last change it acknowledged. */
  kill(): Promise<number>;
}

function startWriter(path: string, first: number): Writer {
  const args = [...FLAGS, "tests/support/mapped_writer.ts", path, String(first)];
  const child = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let last = first - 1;
  const take = (text: string): void => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (lines.length > 0) last = Number(lines.at(-1));
  };
  const more = async (): Promise<boolean> => {
    const { value, done } = await reader.read();
    if (value !== undefined) take(value);
    return !done;
  };
  let ended: Promise<number> | undefined;
  const kill = async (): Promise<number> => {
    child.kill("SIGKILL");
    while (await more());
    await child.status;
    return last;
  };
  return {
    async acknowledged(changes) {
      const until = last + changes;
      while (last < until) assert(await more(), `the writer ended at change ${last}`);
      return last;
    },
    kill: () => ended ??= kill(),
    [Symbol.asyncDispose]: async () => void await (ended ??= kill()),
  };
}

/** What the store holds for a key is what the last change acknowledged left, or the one that may have been under way. */
function checkKey(found: unknown, key: number, last: number): void {
  const newest = last - ((last - key) % WRITER_KEYS + WRITER_KEYS) % WRITER_KEYS;
  const value = (n: number): unknown => n < 1 || n % WRITER_DELETES === 0 ? undefined : writtenValue(n);
  const isUnderWay = (last + 1) % WRITER_KEYS === key;
  if (isUnderWay && JSON.stringify(found) === JSON.stringify(value(last + 1))) return;
  assertEquals(found, value(newest), `key ${key} after change ${last}`);
}

testWith(
  NEEDS,
  `killed ${KILLS} times while it writes: no acknowledged change is lost, every checksum is right`,
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      let last = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        await using writer = startWriter(path, last + 1);
        await writer.acknowledged(1 + (kill * 7919) % 4_001);
        last = await writer.kill();
        using arena = openMapped(path);
        assertEquals([arena.found!.damaged, arena.found!.refused, arena.isWhole], [0, 0, true]);
        assertEquals(arena.store.verify().damaged, 0);
        for (let key = 0; key < WRITER_KEYS; key++) checkKey(arena.store.get("writer", writtenKey(key)), key, last);
      }
      assert(last > KILLS, `${last}`);
    }),
);

testWith(NEEDS, "another process reads along while one writes, and after it was killed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/state`;
    await using writer = startWriter(path, 1);
    const seen = await writer.acknowledged(1_000);
    const reading = runDeno(ROOT, [...FLAGS, "tests/support/mapped_process.ts", "read", path, "50000"]);
    // The writer must not wait for a reader of its lines.
    let isReading = true;
    const draining = (async () => {
      while (isReading) await writer.acknowledged(1);
    })();
    const { code, stdout, stderr } = await reading;
    isReading = false;
    await draining;
    assertEquals(code, 0, stderr);
    const { found, listed, damaged, newest, isCurrent, namespaces } = JSON.parse(stdout);
    assertEquals([damaged, isCurrent, namespaces], [0, true, ["writer"]]);
    assert(newest > seen && found > 25_000 && listed > 300, stdout);
    await writer.kill();
    const after = await runDeno(ROOT, [...FLAGS, "tests/support/mapped_process.ts", "read", path, "1000"]);
    assertEquals(after.code, 0, after.stderr);
    assert(JSON.parse(after.stdout).found > 500, after.stdout);
  }));

testWith(NEEDS, "two processes that add to one word by atomics lose nothing", () =>
  withFolder(async (folder) => {
    const path = `${folder}/state`;
    {
      using _arena = openMapped(path);
    }
    const page = firstPage(path);
    try {
      resetPage(page.words);
      const count = 2_000_000;
      const args = [...FLAGS, "tests/support/mapped_process.ts", "add", path, String(count)];
      const ended = await Promise.all([runDeno(ROOT, args), runDeno(ROOT, args)]);
      for (const { code, stderr } of ended) assertEquals(code, 0, stderr);
      assertEquals(load(page.words, ADDED_WORD), 2 * count);
    } finally {
      page.close();
    }
  }));

testWith(
  NEEDS,
  "an attached store is read-only for good: its process cannot write, and a newer file is noticed",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      {
        using arena = openMapped(path);
        arena.store.set("a", "b", { n: 1 });
        const args = [...FLAGS, "tests/support/mapped_process.ts", "attach", path, "b"];
        assertEquals((await runDeno(ROOT, args)).stdout.trim(), '{"n":1}');
        const { attachMapped } = await import("../../core/attach_mapped.ts");
        using attached = attachMapped(path);
        assertEquals([attached.get("a", "b"), attached.get("a", "c"), attached.get("c", "b")], [{ n: 1 }, undefined, undefined]);
        arena.store.set("a", "b", { n: 2 });
        assertEquals([attached.get("a", "b"), attached.isCurrent], [{ n: 2 }, true]);
        arena.store.delete("a", "b");
        assertEquals(attached.get("a", "b"), undefined);
        Deno.renameSync(path, path + ".moved");
        assertEquals(attached.isCurrent, false);
        Deno.renameSync(path + ".moved", path);
      }
    }),
);

testWith(NEEDS, "without --allow-ffi a typed error says what to do", () =>
  withFolder(async (folder) => {
    const flags = FLAGS.filter((flag) => flag !== "--allow-ffi");
    const { code, stderr } = await runDeno(ROOT, [...flags, "tests/support/mapped_writer.ts", `${folder}/state`]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "MappingUnavailableError");
    assertStringIncludes(stderr, "--allow-ffi");
    assertEquals([...Deno.readDirSync(folder)], []);
  }));

testWith(NEEDS, "the mapping outlives forced collections, ended threads and other memories", () =>
  withFolder(async (folder) => {
    const args = ["run", "--v8-flags=--expose-gc", ...FLAGS.slice(1), "tests/support/mapped_canary.ts", `${folder}/state`, "2"];
    const { code, stdout, stderr } = await runDeno(ROOT, args);
    assertEquals(code, 0, stderr);
    assert(JSON.parse(stdout).added > 0, stdout);
  }));
