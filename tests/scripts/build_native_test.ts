/** The build of the native library: as a command of a checkout, of a project that has none, and what it says when it cannot. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { openLibrary } from "../../core/memory/kernels_native.ts";
import { cacheName, libraryName } from "../../core/memory/library_place.ts";
import { buildNative, main, SOURCES } from "../../scripts/build_native.ts";
import { testBuilding } from "../support/native_library.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

async function said(argv: readonly string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  return { code: await main(argv, (line) => void lines.push(line)), lines };
}

testWith({ read: true }, "every source of native/ is part of the command", async () => {
  const files: string[] = [];
  for await (const { name, isFile } of Deno.readDir(new URL("../../native/", import.meta.url))) if (isFile) files.push(name);
  assertEquals(files.sort(), Object.keys(SOURCES).sort());
});

testBuilding("a build leaves the library and its checksum, and nothing else", async () => {
  await withFolder(async (folder) => {
    const { code, lines } = await said([`--out=${folder}/new/folder`]);
    const name = libraryName()!;
    assertEquals([code, lines[0]], [0, `building ${folder}/new/folder/${name}`]);
    assert(lines.includes("  loaded; its sums are right"), lines.join("\n"));
    assertStringIncludes(lines.at(-1)!, `--allow-ffi=${folder}/new/folder/${name}`);
    assertEquals([...Deno.readDirSync(`${folder}/new/folder`)].map((file) => file.name).sort(), [name, `${name}.sha256`]);
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${folder}/new/folder/${name}`));
    assertEquals(await Deno.readTextFile(`${folder}/new/folder/${name}.sha256`), `${new Uint8Array(digest).toHex()}  ${name}\n`);
    openLibrary(`${folder}/new/folder/${name}`).close();
    assertMatch(cacheName()!, /^stage3_kernel-\d+-[0-9a-f]{8}-\w+-\w+\.\w+$/);
  });
});

testBuilding("a build that fails leaves what was there", async () => {
  await withFolder(async (folder) => {
    const { path } = await buildNative({ folder, name: "a.so" });
    const before = await Deno.readFile(path);
    const error = await assertRejects(() => buildNative({ folder, name: "a.so", flags: ["-Dtarget_length=("] }), KernelError);
    assertEquals(error.code, "COMPILE_FAILED");
    assertStringIncludes(error.message, "gather.c");
    assertEquals(await Deno.readFile(path), before);
    assertEquals([...Deno.readDirSync(folder)].length, 2);
  });
});

testWith({ read: true, write: true, run: true }, "without a compiler it says which were looked for, and what to do", async () => {
  await withFolder(async (folder) => {
    const { code, lines } = await said([`--out=${folder}`, "--compiler=no_such_compiler"]);
    assertEquals(code, 1);
    assertMatch(
      lines.at(-1)!,
      /^CompilerNotFoundError: no C compiler: no_such_compiler \(not found by PATH\)\. Install one .* TypeScript\.$/,
    );
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});

Deno.test("a command line that is not understood builds nothing", async () => {
  for (const argument of ["--cached", "folder", "--out", "--out="]) {
    const { code, lines } = await said([argument]);
    assertEquals([code, lines], [2, [`ConfigError: ${argument}: no such option; --help lists all.`]]);
  }
  assertStringIncludes((await said(["--help"])).lines[0], "--cache");
});
