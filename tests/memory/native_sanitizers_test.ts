/** The C itself, under AddressSanitizer and UndefinedBehaviorSanitizer, over buffers that end where they are said to. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { compiler, testBuilding } from "../support/native_library.ts";
import { withFolder } from "../support/run_deno.ts";

const NATIVE = decodeURIComponent(new URL("../../native/", import.meta.url).pathname);
const FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

async function run(command: string, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], stdin: "null" }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Some compilers come without the sanitizers' libraries. */
const hasSanitizers = compiler !== null && await withFolder(async (folder) => {
  await Deno.writeTextFile(`${folder}/nothing.c`, "int main(void) { return 0; }");
  return (await run(compiler!, [...FLAGS, "-o", `${folder}/nothing`, `${folder}/nothing.c`])).code === 0;
});

function testSanitized(name: string, fn: () => Promise<void>): void {
  if (compiler !== null && !hasSanitizers) Deno.test({ name: `${name} (skipped: ${compiler} has no sanitizers)`, ignore: true, fn });
  else testBuilding(name, fn);
}

/** Compiles a test program with all loops. */
async function built(folder: string, program: string): Promise<string> {
  const units = [...Deno.readDirSync(NATIVE)].filter(({ name }) => name.endsWith(".c")).map(({ name }) => NATIVE + name);
  const output = `${folder}/program`;
  const { code, stderr } = await run(compiler!, [...FLAGS, "-o", output, ...units, program]);
  assertEquals(code, 0, stderr);
  return output;
}

testSanitized("no function of the library reads or writes beside its buffers, or does what C does not define", async () => {
  await withFolder(async (folder) => {
    const { code, stdout, stderr } = await run(await built(folder, `${NATIVE}test/kernels_test.c`), []);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^\d{5,} checks, crc32c by (?:the processor|tables)\n$/);
  });
});

testSanitized("the sanitizers notice a length that is one byte too long", async () => {
  await withFolder(async (folder) => {
    const text = `#include <stdlib.h>
#include "${NATIVE}kernels.h"
int main(void) { return s3k_crc32c(calloc(1, 100), 101, 0) == 0; }
`;
    await Deno.writeTextFile(`${folder}/planted.c`, text);
    const { code, stderr } = await run(await built(folder, `${folder}/planted.c`), []);
    assertEquals(code === 0, false);
    assertStringIncludes(stderr, "heap-buffer-overflow");
  });
});
