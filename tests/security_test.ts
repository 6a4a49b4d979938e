/** SECURITY.md held to its word: every feature with exactly its flags and without, what a behavior can do, and every bound. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import * as limits from "../core/base/limits.ts";
import { DEPTH_MAX } from "../core/bus/codec_format.ts";
import { MESSAGE_BYTES_MAX } from "../core/bus/outbound.ts";
import { UltraFastAgentManager } from "../mod.ts";
import { buildNative } from "../scripts/build_native.ts";
import { behaviorUrl } from "./support/behaviors.ts";
import { compiler } from "./support/native_library.ts";
import { testWith } from "./support/permissions.ts";
import { type Ended, runDeno, withFolder } from "./support/run_deno.ts";

const ROOT = new URL("../", import.meta.url);
const BEHAVIOR = decodeURIComponent(behaviorUrl("onMessage({ payload }, ctx) { ctx.reply(payload); }").split(",").slice(1).join(","));
const SHORT_JOB = ["--scenario", "baseline", "--agents", "40", "--duration", "500", "--output", "json"];

/** Rows of the table under a heading, as cells. */
async function rowsOf(heading: string): Promise<string[][]> {
  const text = await Deno.readTextFile(new URL("SECURITY.md", ROOT));
  const section = text.split(/^## /m).find((part) => part.startsWith(heading))!;
  const rows = section.split("\n").filter((line) => line.startsWith("|")).slice(2);
  return rows.map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** How a feature is tried: by support/feature.ts, or by the main job itself. `withheld` is in the output when the flags are not given. */
interface Trial {
  readonly feature?: string;
  /** Where `echo.ts` is looked for; the folder is a checkout, too. */
  readonly base?: "folder" | "server";
  readonly job?: readonly string[];
  readonly withheld?: string;
}

const TRIALS: Readonly<Record<string, Trial>> = {
  "threads, messages, store, metrics, the team": { feature: "kernel" },
  "behaviors in `data:` URLs": { feature: "data" },
  "a behavior in a file": { feature: "url", base: "folder", withheld: "BehaviorLoadError: .*--allow-read=\\S*echo\\.ts" },
  "a behavior behind http or https": { feature: "url", base: "server", withheld: "BehaviorLoadError: .*--allow-import=127\\.0\\.0\\.1" },
  '`metricsLog: "metrics.jsonl"`': { feature: "log", withheld: "ConfigError: .*--allow-write=metrics\\.jsonl.* --allow-read=metrics" },
  '`persistence: { path: "state.kernel" }`': {
    feature: "state",
    withheld: "ConfigError: .*--allow-read=\\. --allow-write=state\\.kernel,state\\.kernel\\.next",
  },
  "the memory budget of a small machine": { feature: "budget", withheld: "--allow-sys=systemMemoryInfo" },
  "that of a container with a memory limit": { feature: "container", withheld: "--allow-all" },
  '`native: { library: "kernel.so" }`': { feature: "native", withheld: "ConfigError: .*--allow-ffi=kernel\\.so" },
  '`persistence: { path, mode: "mapped" }`': { feature: "mapped", withheld: "MappingUnavailableError: .*--allow-ffi" },
  "tasks and models of the `local` provider": { feature: "local" },
  '`executor: { provider: "anthropic" }`': {
    feature: "anthropic",
    withheld: "ModelKeyMissingError: .*--allow-env=ANTHROPIC_API_KEY,ANTHROPIC_CUSTOM",
  },
  '`executor: { provider: "openai" }`': { feature: "openai", withheld: "ModelKeyMissingError: .*--allow-env=OPENAI_API_KEY" },
  '`executor: { provider: { process: ["deno", "--version"] } }`': {
    feature: "process",
    withheld: "PermissionMissingError: .*--allow-run=deno",
  },
  "agents of grade `worker`": { feature: "worker" },
  "agents of grade `process`": { feature: "apart", withheld: "IsolationUnavailableError: .*--allow-run=" },
  "the main job": { job: SHORT_JOB },
  "`--report report.json`": { job: [...SHORT_JOB, "--report", "report.json"], withheld: "--allow-write=report\\.json" },
  "machine and commit in its report": {
    feature: "facts",
    withheld: "--allow-sys=cpus.*--allow-read=\\S*\\.git",
  },
  "agents as processes": { feature: "processes", withheld: "--allow-read --allow-write --allow-run --allow-env" },
};

/** Tries a feature in a folder of its own, with these flags and no others. */
async function attempt(trial: Trial, flags: readonly string[]): Promise<Ended> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => undefined },
    () => new Response(BEHAVIOR, { headers: { "content-type": "text/javascript" } }),
  );
  try {
    return await withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/echo.ts`, BEHAVIOR);
      if (trial.feature === "native") await buildNative({ folder, name: "kernel.so" });
      await Deno.mkdir(`${folder}/.git`);
      await Deno.writeTextFile(`${folder}/.git/HEAD`, "0123456789abcdef0123456789abcdef01234567\n");
      const host = `127.0.0.1:${server.addr.port}`;
      const bases = { folder: `file://${folder}/`, server: `http://${host}/` };
      const given = flags.map((flag) => flag.replace("example.com", host).replace("/path/of/deno", Deno.execPath()));
      const script = new URL(trial.job ? "scripts/validate-stage3-performance.ts" : "tests/support/feature.ts", ROOT).href;
      const config = `--config=${decodeURIComponent(ROOT.pathname)}deno.json`;
      const args = trial.job ?? [trial.feature!, bases[trial.base ?? "folder"]];
      // What was served before on the same port is not taken from the cache, and what is served now not noted in the checkout's lock file.
      const fresh = ["--no-lock", `--reload=${bases.server}`];
      return await runDeno(folder, ["run", "--no-prompt", "--no-check", "--quiet", ...fresh, config, ...given, script, ...args]);
    });
  } finally {
    await server.shutdown();
  }
}

testWith(
  { read: true, write: true, run: true, net: true },
  "each feature works with exactly its flags, and says them without",
  async (t) => {
    const rows = await rowsOf("What each feature needs");
    assertEquals(rows.map(([feature]) => feature), Object.keys(TRIALS));
    for (const [feature, cell] of rows) {
      const trial = TRIALS[feature];
      const flags = [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]);
      if (trial.feature === "native" && compiler === null) continue; // tests/scripts/build_native_test.ts says so
      if (trial.feature === "container" && Deno.build.os !== "linux") continue; // others have no control groups
      await t.step(feature, async () => {
        const [{ code, stdout, stderr }, without] = await Promise.all([attempt(trial, flags), trial.withheld && attempt(trial, [])]);
        // The job is too short for the targets: 1 is as good as 0.
        if (trial.job) assert(code <= 1 && JSON.parse(stdout).results[0].metrics.messages.lost === 0, stderr);
        else assertEquals([stdout, stderr], ["worked\n", ""]);
        assertEquals(flags.length > 0, trial.withheld !== undefined);
        if (trial.withheld && without) {
          assert(new RegExp(trial.withheld, "s").test(without.stdout + without.stderr), without.stdout + without.stderr);
        }
      });
    }
  },
);

Deno.test("a behavior has the permissions of the process, sends in any name, and reaches the whole arena and its thread's globals", async () => {
  await using manager = new UltraFastAgentManager({
    threads: 1,
    behaviors: {
      permissions: behaviorUrl(
        "onMessage({ payload }, ctx) { ctx.reply(payload.map((name) => Deno.permissions.querySync({ name }).state)); }",
      ),
      named: behaviorUrl("onMessage({ from }, ctx) { ctx.reply(from); }"),
      forger: behaviorUrl(
        'async onMessage({ payload }, ctx) { Object.defineProperty(ctx, "id", { value: payload.as }); ctx.reply(await ctx.ask(payload.to, 1)); }',
      ),
      reader: behaviorUrl(
        "onMessage(_, ctx) { ctx.reply(workerData.memory.buffer.byteLength); }",
        'import { workerData } from "node:worker_threads";',
      ),
      leaver: behaviorUrl("onMessage(_, ctx) { globalThis.left = (globalThis.left ?? 0) + 1; ctx.reply(globalThis.left); }"),
    },
  });
  await manager.initialize();
  const names = ["read", "write", "net", "run", "env", "sys", "ffi"] as const;
  const granted = names.map((name) => Deno.permissions.querySync({ name }).state);
  assertEquals(await manager.ask(await manager.spawnAgent("permissions"), names), granted);
  const [named, victim, forger] = [
    await manager.spawnAgent("named"),
    await manager.spawnAgent("leaver"),
    await manager.spawnAgent("forger"),
  ];
  assertEquals(await manager.ask(named, 1, { from: victim }), victim);
  assertEquals(await manager.ask(forger, { as: victim, to: named }), victim);
  assertEquals(await manager.ask<number>(await manager.spawnAgent("reader"), 1) > 2 ** 20, true);
  assertEquals([await manager.ask(victim, 1), await manager.ask(await manager.spawnAgent("leaver"), 1)], [1, 2]);
});

testWith({ read: true }, "every bound that SECURITY.md names is the one in force", async () => {
  const inForce: Record<string, unknown> = { ...limits, DEPTH_MAX, MESSAGE_BYTES_MAX };
  for (const [what, bound, name] of [...await rowsOf("What is bounded"), ...await rowsOf("What an agent that is a process")]) {
    assertEquals(Number(bound.replaceAll(",", "")), inForce[name.replaceAll("`", "")], what);
  }
  assertStringIncludes(await Deno.readTextFile(new URL("README.md", ROOT)), "(SECURITY.md)");
});
