/** Which libraries are taken, and what is said of the others. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { LIBRARY_VERSION, openLibrary } from "../../core/memory/kernels_native.ts";
import { layoutHash } from "../../core/memory/layout_table.ts";
import { compileForeign, testBuilding, withLibrary } from "../support/native_library.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

function assertRefused(path: string, why: string): void {
  const error = assertThrows(() => openLibrary(path), KernelError);
  assertEquals([error.code, error.name, error.data.path], ["NATIVE_LIBRARY", "NativeLibraryError", path]);
  assertStringIncludes(error.message, why);
}

/** The functions that say who a library is. */
function identity(version: number, layout: number): string {
  return `unsigned s3k_library_version(void) { return ${version}u; }\nunsigned s3k_layout_hash(void) { return ${layout}u; }\n`;
}

const LOOPS = `unsigned s3k_features(void) { return 0; }
unsigned s3k_crc32c(void *bytes, unsigned length, unsigned seed) { return (void)bytes, length ^ seed; }
unsigned s3k_hash(void *bytes, unsigned length, unsigned seed) { return (void)bytes, length ^ seed; }
unsigned s3k_gather(void) { return 0; }
`;

testWith({ read: true, write: true, ffi: true }, "what is no library, or not there, is refused", async () => {
  await withFolder(async (folder) => {
    assertRefused(`${folder}/absent.so`, "cannot be opened");
    await Deno.writeTextFile(`${folder}/text.so`, "no library at all");
    assertRefused(`${folder}/text.so`, "cannot be opened");
  });
});

testBuilding("a library that is not ours, of another version, for another layout, or that miscounts is refused", async () => {
  await withFolder(async (folder) => {
    const refused = async (name: string, text: string, why: string): Promise<void> =>
      assertRefused(await compileForeign(folder, name, text), why);
    await refused("foreign", "int answer(void) { return 42; }", "it is no library of this kernel");
    await refused("older", identity(0, layoutHash()), `it is version 0 and not ${LIBRARY_VERSION}; build it again`);
    await refused("newer", identity(LIBRARY_VERSION + 1, layoutHash()) + LOOPS, `version ${LIBRARY_VERSION + 1} and not`);
    await refused("other_layout", identity(LIBRARY_VERSION, 0xdeadbeef) + LOOPS, "another layout of the shared memory (deadbeef and not");
    await refused("half", identity(LIBRARY_VERSION, layoutHash()), "it is no library of this kernel");
    await refused("wrong", identity(LIBRARY_VERSION, layoutHash()) + LOOPS, "its sums of a known text are wrong (00003400,");
  });
});

testBuilding("ours is taken, twice at a time and again after it was closed", async () => {
  await withLibrary((path) => {
    const [one, other] = [openLibrary(path), openLibrary(path)];
    one.close();
    assertEquals(other.loops.s3k_crc32c(new TextEncoder().encode("123456789"), 9, 0), 0xe3069283);
    other.close();
    openLibrary(path).close();
    return Promise.resolve();
  });
});
