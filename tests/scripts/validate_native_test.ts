/** The validator without the native library and with it, side by side: as programs of their own, with exactly their flags. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { cacheName } from "../../core/memory/library_place.ts";
import type { ValidationReport } from "../../core/validation/report.ts";
import { buildNative } from "../../scripts/build_native.ts";
import { testBuilding } from "../support/native_library.ts";
import { runDeno, withFolder } from "../support/run_deno.ts";

const ROOT = new URL("../../", import.meta.url);
const RUN = ["run", "--no-prompt", "--no-check", "--quiet", "--allow-read", "--allow-sys"];
/** Short, and of few agents: whether targets are met on a busy machine is not asked. */
const QUICK = ["scripts/validate-stage3-performance.ts", "--scenario", "baseline", "--duration", "1000", "--agents", "20"];

testBuilding("the validator says which loops ran in C, with the library and without, and judges both by the same targets", async () => {
  await withFolder(async (home) => {
    const folder = `${home}/${Deno.build.os === "darwin" ? "Library/Caches" : ".cache"}/stage3_kernel`;
    const { path } = await buildNative({ folder, name: cacheName()! });
    const { denoDir } = JSON.parse((await runDeno(ROOT, ["info", "--json"])).stdout);
    const run = async (flags: readonly string[], output: string): Promise<string> => {
      const env = { HOME: home, XDG_CACHE_HOME: "", DENO_DIR: denoDir };
      const { code, stdout, stderr } = await runDeno(ROOT, [...RUN, ...flags, ...QUICK, "--output", output], env);
      assert(code <= 1, stderr);
      return stdout;
    };
    const report = async (flags: readonly string[]): Promise<ValidationReport> => JSON.parse(await run(flags, "json"));
    const library = ["--allow-env=XDG_CACHE_HOME,HOME", `--allow-ffi=${path}`];
    const [without, using] = [await report([]), await report(library)];
    assertEquals([without.machine.native.mode, without.machine.native.library], ["portable", null]);
    assertEquals(Object.values(without.machine.native.loops).map(({ runs }) => runs), ["portable", "portable", "portable"]);
    assertEquals([using.machine.native.mode, using.machine.native.library], ["native", path]);
    assertEquals(Object.values(using.machine.native.loops).map(({ runs }) => runs), ["native", "native", "native"]);
    for (const { results: [{ metrics, targets }] } of [without, using]) {
      assert(metrics.communicationLatency.samples > 0);
      assertEquals(targets.map(({ name }) => name), without.results[0].targets.map(({ name }) => name));
    }
    assertMatch(await run([], "console"), /^loops: TypeScript \(.+\)$/m);
    assertStringIncludes(
      await run(library, "console"),
      `loops: native: crc32c from 4096 bytes, hash from 4096 bytes, gather from 64 ranges (${path})`,
    );
  });
}, { sys: true, env: true });
