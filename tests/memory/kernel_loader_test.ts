/** Where the library is looked for, what each place needs, and what is said when it is not used: as a program of its own, with exactly its flags. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { loadKernels, type NativeReport } from "../../core/memory/kernel_loader.ts";
import { portableKernels } from "../../core/memory/kernels.ts";
import { cacheName } from "../../core/memory/library_place.ts";
import { FakeClock } from "../../core/testing.ts";
import { ConfigError, UltraFastAgentManager } from "../../mod.ts";
import { buildNative } from "../../scripts/build_native.ts";
import { testBuilding, withLibrary } from "../support/native_library.ts";
import { testWith } from "../support/permissions.ts";
import { runDeno, withFolder } from "../support/run_deno.ts";

const ROOT = new URL("../../", import.meta.url);
const SCRIPT = new URL("tests/support/native_status.ts", ROOT).href;
const CONFIG = `--config=${decodeURIComponent(ROOT.pathname)}deno.json`;

/** What a manager says, run with these flags; nothing of this process's surroundings is passed on. */
async function said(flags: readonly string[], args: readonly string[] = [], home = "/nowhere"): Promise<string> {
  const env = { HOME: home, XDG_CACHE_HOME: "" };
  const denoDir = Deno.env.get("DENO_DIR") ?? (JSON.parse((await runDeno(ROOT, ["info", "--json"])).stdout).denoDir as string);
  const command = ["run", "--no-prompt", "--no-check", "--quiet", "--no-lock", CONFIG, ...flags, SCRIPT, ...args];
  const { stdout, stderr } = await runDeno(ROOT, command, { ...env, DENO_DIR: denoDir });
  assertEquals(stderr, "", "nothing is printed or asked");
  return stdout.trimEnd();
}

async function report(flags: readonly string[], args: readonly string[] = [], home?: string): Promise<NativeReport> {
  return JSON.parse(await said(flags, args, home));
}

Deno.test("switched off, nothing is looked for", () => {
  const loaded = loadKernels({ enabled: false, library: null }, new FakeClock());
  assertEquals(loaded.kernels, portableKernels);
  const loop = (unit: "bytes" | "ranges") => ({ runs: "portable" as const, from: null, unit, why: "no library is in use" });
  assertEquals(loaded.report(), {
    ...{ mode: "portable", why: "switched off by native: false", library: null },
    loops: { crc32c: loop("bytes"), hash: loop("bytes"), gather: loop("ranges") },
  });
  loaded.close();
});

testWith({ read: true, run: true, env: true }, "without a permission the loops are portable, and the flags are said", async () => {
  const { mode, why } = await report([]);
  assertEquals(mode, "portable");
  assertStringIncludes(why, "native/build/stage3_kernel-");
  assertStringIncludes(why, "may not be loaded: run with --allow-ffi=");
  assertStringIncludes(why, "--allow-env=");
  assertStringIncludes((await report(["--allow-env=XDG_CACHE_HOME,HOME"])).why, "--allow-read=/nowhere/");
});

testBuilding("a library that is named needs --allow-ffi of that file and nothing else, or is an error that says so", async () => {
  await withFolder(async (folder) => {
    const { path } = await buildNative({ folder, name: "mine.so" });
    const { mode, library, loops } = await report([`--allow-ffi=${path}`], [path]);
    assertEquals([mode, library, loops.crc32c.runs], ["native", path, "native"]);
    const withheld = await said([], [path]);
    assertEquals(withheld, `ConfigError: native.library: ${path} may not be loaded: run with --allow-ffi=${path}.`);
    const absent = await said([`--allow-ffi=${folder}`], [`${folder}/absent.so`]);
    assertStringIncludes(absent, "ConfigError: native.library: the library ");
    assertStringIncludes(absent, "cannot be opened");
  });
}, { env: true });

testBuilding("a manager says what runs in C, and gives the library back at its end, also when it cannot start", async () => {
  // That a library stays open fails a test by itself.
  await withLibrary(async (library) => {
    await using manager = new UltraFastAgentManager({ threads: 0, native: { library } });
    await manager.initialize();
    const { mode, why, loops } = manager.getSystemStatus().native;
    assertEquals([mode, why, loops.gather.unit], ["native", `${library} is loaded`, "ranges"]);
    assertEquals([loops.crc32c.from, loops.hash.from, loops.gather.from], [4_096, 4_096, 64]);
    const failing = new UltraFastAgentManager({ threads: 0, native: { library }, metricsLog: `${library}/no/such/folder` });
    await assertRejects(() => failing.initialize(), ConfigError, "metricsLog");
    await failing.shutdown();
  });
});

testBuilding("the cache's library is loaded while it is what was built, and refused when a byte of it has changed", async () => {
  await withFolder(async (home) => {
    const folder = `${home}/${Deno.build.os === "darwin" ? "Library/Caches" : ".cache"}/stage3_kernel`;
    const { path } = await buildNative({ folder, name: cacheName()! });
    const flags = ["--allow-env=XDG_CACHE_HOME,HOME", `--allow-read=${folder}`, `--allow-ffi=${path}`];
    const loaded = await report(flags, [], home);
    assertEquals([loaded.mode, loaded.library], ["native", path]);
    assertStringIncludes((await report(flags.slice(0, 2), [], home)).why, `${path} may not be loaded: run with --allow-ffi=${path}`);

    const bytes = await Deno.readFile(path);
    bytes[bytes.length - 1] ^= 1;
    await Deno.writeFile(path, bytes);
    const changed = await report(flags, [], home);
    assertEquals(changed.mode, "portable");
    assertStringIncludes(changed.why, `${path} is not what was built: its checksum differs; build it again`);
    await Deno.remove(`${path}.sha256`);
    assertStringIncludes((await report(flags, [], home)).why, `${path} could not be checked (`);
    await Deno.remove(path);
    assertStringIncludes((await report(flags, [], home)).why, "the cache holds none");
  });
}, { env: true });
