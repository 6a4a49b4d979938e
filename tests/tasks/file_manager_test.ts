import { assertEquals, assertRejects } from "@std/assert";
import { InvalidArgumentError, KernelError } from "../../core/base/errors.ts";
import { AsyncFileManager, PathOutsideError } from "../../core/tasks/file_manager.ts";
import { testWith } from "../support/permissions.ts";

const NEEDS = { read: true, write: true };

async function inFolder(test: (files: AsyncFileManager, folder: string) => Promise<void>, options = {}): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/inside`);
    await test(new AsyncFileManager(`${folder}/inside`, options), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

testWith(NEEDS, "files are written, read, listed and removed; what is not there is undefined or false", async () => {
  await inFolder(async (files) => {
    await files.write("a/b/c.txt", "hello");
    await files.write("a/d.bin", new Uint8Array([1, 2]));
    assertEquals([await files.readText("a/b/c.txt"), await files.read("a/d.bin")], ["hello", new Uint8Array([1, 2])]);
    assertEquals(await files.list("a"), [{ path: "a/b", isFolder: true }, { path: "a/d.bin", isFolder: false }]);
    assertEquals([await files.remove("a/d.bin"), await files.remove("a/d.bin"), await files.read("nowhere/x")], [true, false, undefined]);
  });
});

testWith(NEEDS, "whoever reads sees a whole file, whatever is written meanwhile, and nothing is left beside it", async () => {
  await inFolder(async (files) => {
    const texts = Array.from({ length: 40 }, (_, at) => String(at % 10).repeat(10_000));
    await files.write("f", texts[0]);
    const reads = texts.map(async (text) => {
      await files.write("f", text);
      return await files.readText("f");
    });
    for (const text of await Promise.all(reads)) assertEquals([text!.length, new Set(text).size], [10_000, 1]);
    assertEquals(await files.list(), [{ path: "f", isFolder: false }]);
  });
});

testWith(NEEDS, "no path leads out: not by .., not absolute, not through links", async () => {
  await inFolder(async (files, folder) => {
    await Deno.writeTextFile(`${folder}/secret`, "secret");
    await Deno.symlink(`${folder}/secret`, `${folder}/inside/link`);
    await Deno.symlink(folder, `${folder}/inside/up`);
    await Deno.symlink(`${folder}/not-yet`, `${folder}/inside/dangling`);
    for (const path of ["../secret", "a/../../secret", `${folder}/secret`, "C:\\secret", "link", "up/secret", "up/inside/f", "x\0y"]) {
      await assertRejects(() => files.readText(path), PathOutsideError, "", path).catch(async (error) => {
        if (path !== "up/inside/f") throw error;
        assertEquals(await files.readText(path), undefined);
      });
    }
    for (const path of ["../new", "link", "up/new", "dangling"]) {
      await assertRejects(() => files.write(path, "x"), PathOutsideError, "", path);
    }
    assertEquals(await Deno.readTextFile(`${folder}/secret`), "secret");
    await assertRejects(() => files.read(""), InvalidArgumentError, "path");
  });
});

testWith(NEEDS, "so many at a time, so many wait, and one that is given up does not begin", async () => {
  await inFolder(async (files) => {
    const writes = Array.from({ length: 4 }, (_, at) => files.write(`f${at}`, "x".repeat(100_000)));
    assertEquals(files.statistics, { running: 2, waiting: 2 });
    await assertRejects(() => files.read("f0"), KernelError, "2 file operations wait already");
    await Promise.all(writes);
    assertEquals(files.statistics, { running: 0, waiting: 0 });
    await assertRejects(() => files.write("g", "x", { signal: AbortSignal.abort(new Error("enough")) }), Error, "enough");
    assertEquals((await files.list()).length, 4);
  }, { concurrency: 2, waitingMax: 2 });
});
