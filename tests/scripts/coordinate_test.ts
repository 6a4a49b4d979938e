/** The command as a user runs it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { entropy } from "../../core/base/random.ts";
import { EXIT, runCoordinate } from "../../scripts/coordinate/command.ts";
import { testWith } from "../support/permissions.ts";
import { type Ended, runDeno } from "../support/run_deno.ts";
import { living, PROCESS_NEEDS, withSwarm } from "../support/swarm.ts";

const NEEDS = { ...PROCESS_NEEDS, env: true };
const SCRIPT = decodeURIComponent(new URL("../../scripts/coordinate.ts", import.meta.url).pathname);
const ALLOWED = ["--allow-read", "--allow-write", "--allow-run", "--allow-env"];

async function coordinate(args: string[], env: Record<string, string> = {}, allowed: string[] = ALLOWED): Promise<Ended> {
  return await runDeno(".", ["run", "--quiet", "--no-prompt", "--no-check", ...allowed, SCRIPT, ...args], env);
}

testWith(NEEDS, "--once --json: a line for each event, the counts last, exit 1 when a request failed", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("good");
    await swarm.request("bad");
    const { code, stdout, stderr } = await coordinate([
      swarm.root,
      "--max",
      "1",
      "--once",
      "--json",
      "--",
      "sh",
      "-c",
      "test $SWARM_REQUEST_ID = good",
    ]);
    const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals([code, stderr], [1, ""]);
    assertEquals(lines.map(({ event }) => event).sort(), ["finished", "finished", "started", "started", "summary"]);
    assertEquals(lines.at(-1), { event: "summary", completed: 1, failed: 1, rejected: 0, strays: 0 });
    assertEquals(lines.find(({ requestId, event }) => requestId === "bad" && event === "finished").failureReason, "EXIT_CODE");
    const again = await coordinate([swarm.root, "--once", "--", "true"]);
    assertEquals([again.code, again.stderr], [0, "0 completed, 0 failed, 0 rejected\n"]);
  });
});

testWith(NEEDS, "variables are honoured, options win, and the folder may be a variable", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("r-1");
    const variables = { SWARM_DIR: swarm.root, INITIAL_TIMEOUT_MS: "1000", MAX_TIMEOUT_MS: "70000", SKIP_HEALTH_CHECK: "true" };
    const command = ["--once", "--initial-timeout-ms", "2000", "--health-check", "false", "--", "sh", "-c", "echo $INITIAL_TIMEOUT_MS"];
    assertEquals((await coordinate(command, variables)).code, 0);
    const { output, stats } = await swarm.result("r-1");
    assertEquals([output, stats!.initialTimeoutMs, stats!.healthCheckMs], ["1000\n", 2_000, null]);
  });
});

testWith(NEEDS, "what cannot be done is one sentence, exit 2, and no request is touched", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("r-1");
    const cases: readonly [args: string[], sentence: string, env?: Record<string, string>, allowed?: string[]][] = [
      [["--", "no-such-command"], "no-such-command cannot be run: it is in none of the folders of PATH."],
      [[], "no command was given"],
      [["--", ""], "none was given"],
      [["--max", "0", "--", "true"], '--max: "0" cannot be used; give a whole number from 1 to 256.'],
      [["--max", "--", "true"], "--max: no value was given."],
      [["--speed", "--", "true"], "--speed: no such option"],
      [["--driver", "telepathy", "--", "true"], "give one of plain, json-lines, acp"],
      [["--worktree", swarm.root, "--", "true"], "is no git repository"],
      [["other", "--", "true"], "one folder is enough"],
      [["--", "true"], "POLL_INTERVAL_MS: the string", { POLL_INTERVAL_MS: "soon" }],
      [["--", "true"], "--allow-write --allow-run", {}, ["--allow-read", "--allow-env"]],
    ];
    for (const [args, sentence, env, allowed] of cases) {
      const { code, stdout, stderr } = await coordinate([swarm.root, "--once", ...args], env, allowed);
      assertEquals([code, stdout], [2, ""], stderr);
      assertStringIncludes(stderr, sentence);
      assertEquals(stderr.trim().split("\n").length, 1, stderr);
    }
    assertEquals(await swarm.names("requests"), ["r-1.json"]);
  });
});

testWith(NEEDS, "--help says every option, and needs no permission", async () => {
  const { code, stdout } = await coordinate(["--help"], {}, []);
  assertEquals(code, 0);
  for (const word of ["--max", "--once", "--heartbeat-timeout-ms", "HEARTBEAT_TIMEOUT_MS", "Exit codes", "Examples"]) {
    assertStringIncludes(stdout, word);
  }
});

testWith(NEEDS, "a path of the command stands for the file it named, although agents work elsewhere", async () => {
  await withSwarm(async (swarm) => {
    await Deno.writeTextFile(`${swarm.root}/agent.sh`, "echo mine");
    await swarm.request("r-1");
    const args = ["run", "--quiet", "--no-prompt", "--no-check", ...ALLOWED, SCRIPT, ".", "--once", "--", "sh", "agent.sh"];
    assertEquals((await runDeno(swarm.root, args)).code, 0);
    assertEquals((await swarm.result("r-1")).output, "mine\n");
  });
});

testWith(NEEDS, "Ctrl-C drains, a second one ends the agents, and nothing is left of them", async () => {
  await withSwarm(async (swarm) => {
    const word = `ctrl${entropy()}`;
    for (const id of [`${word}-1`, `${word}-2`]) await swarm.request(id);
    const args = [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-check",
      ...ALLOWED,
      SCRIPT,
      swarm.root,
      "--max",
      "1",
      "--json",
      "--",
      "sh",
      "-c",
      "sleep 300 & sleep 300",
    ];
    const child = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assertStringIncludes((await lines.read()).value!, '"started"');
    child.kill("SIGINT");
    child.kill("SIGTERM");
    let said = "";
    for (let read = await lines.read(); !read.done; read = await lines.read()) said += read.value;
    const { code } = await child.status;
    assertEquals([code, await new Response(child.stderr).text()], [130, ""]);
    assertEquals(JSON.parse(said.trim().split("\n").at(-1)!).failed, 1);
    const [name] = await swarm.names("results");
    const { status, failureReason } = await swarm.result(name.replace(".json", ""));
    assertEquals([status, failureReason], ["cancelled", "SHUTDOWN"]);
    assertEquals((await swarm.names("requests")).length, 1);
    assertEquals(await living(word), []);
  });
});

for (const [gone, options] of [["out", ["--json"]], ["err", []], ["columns", []]] as const) {
  testWith(NEEDS, `whoever looked on has gone (${gone} fails): it drains, and nothing is left half done`, async () => {
    await withSwarm(async (swarm) => {
      await swarm.request("r-1");
      await swarm.request("r-2");
      const leave = (): never => {
        throw new Deno.errors.BrokenPipe("nobody reads");
      };
      const quiet = {
        out: () => undefined,
        err: () => undefined,
        columns: () => 80,
        variable: () => undefined,
        onInterrupt: () => () => undefined,
      };
      const args = [swarm.root, "--once", "--max", "1", ...options, "--", "/bin/sh", "-c", "echo ok"];
      assertEquals(await runCoordinate(args, { ...quiet, [gone]: leave }), EXIT.interrupted);
      assertEquals((await swarm.result("r-1")).status, "completed");
      assertEquals([await swarm.names("processing"), await swarm.names("requests")], [[], ["r-2.json"]]);
    });
  });
}

testWith(NEEDS, "the README's commands run as they stand", async () => {
  await withSwarm(async ({ root }) => {
    const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
    const block = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]).find((text) =>
      text.includes("scripts/coordinate.ts")
    )!;
    const script = block.replace("deno run", `${Deno.execPath()} run --quiet --no-prompt`).replace("scripts/coordinate.ts", SCRIPT);
    const { code, stdout, stderr } = await new Deno.Command("sh", { args: ["-ec", script], cwd: root }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const { status, output } = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals([status, output], ["completed", "greeter says hello\n"]);
  });
});
