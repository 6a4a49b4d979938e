/** Real programs that behave badly. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { OUTPUT_BYTES_KEPT } from "../../core/base/limits.ts";
import { testWith } from "../support/permissions.ts";
import { PROCESS_NEEDS, withSwarm } from "../support/swarm.ts";

/** One request for this script, and what became of it. */
function outcomeTest(
  name: string,
  script: string,
  check: (swarm: Parameters<Parameters<typeof withSwarm>[0]>[0]) => Promise<void>,
  settings = {},
): void {
  testWith(PROCESS_NEEDS, name, async () => {
    await withSwarm(async (swarm) => {
      await swarm.request("r-1");
      await swarm.serve(script, { settings: { killGraceMs: 200, ...settings } });
      await check(swarm);
      assertEquals(await swarm.living(), []);
      assertEquals([await swarm.names("processing"), await swarm.names("requests")], [[], []]);
    });
  });
}

outcomeTest(
  "prompt in, result out, in a folder and with variables of its own",
  'tail -n 1; pwd; echo "$SWARM_REQUEST_ID $SWARM_AGENT_ROLE"',
  async (swarm) => {
    const { status, output, exitCode, failureReason, stats } = await swarm.result("r-1");
    assertEquals([status, exitCode, failureReason], ["completed", 0, null]);
    assertEquals(output, `Do the task now. What you print is the result.\n${[swarm.root, "work", "r-1"].join("/")}\nr-1 tester\n`);
    assertEquals([stats!.totalOutputBytes, stats!.workingDirectory], [output.length, null]);
    assertStringIncludes(await Deno.readTextFile(`${swarm.root}/logs/r-1.stream.txt`), output);
  },
);

outcomeTest("an exit code other than 0 is a failure with its output", "echo partly; echo why >&2; exit 3", async (swarm) => {
  const { status, output, stderr, exitCode, failureReason, error } = await swarm.result("r-1");
  assertEquals([status, output, stderr, exitCode, failureReason, error], ["failed", "partly\n", "why\n", 3, "EXIT_CODE", "exit code 3"]);
});

outcomeTest("one that ends itself by a signal has no exit code", "kill -9 $$", async (swarm) => {
  const { status, exitCode, signal, failureReason } = await swarm.result("r-1");
  assertEquals([status, exitCode, signal, failureReason], ["failed", null, "SIGKILL", "EXIT_CODE"]);
});

outcomeTest("one that closes its input is no failure, and the log says so", "exec 0<&-; sleep 0.2; echo done", async (swarm) => {
  const { status, output } = await swarm.result("r-1");
  assertEquals([status, output], ["completed", "done\n"]);
});

outcomeTest(
  "one that ignores SIGTERM is killed with all that it has started",
  "trap '' TERM; (trap '' TERM; sleep 300) & sleep 300 & echo up; while :; do sleep 1; done",
  async (swarm) => {
    const { status, output, signal, failureReason, stats } = await swarm.result("r-1");
    assertEquals([status, output, signal, failureReason], ["timeout", "up\n", "SIGKILL", "PROGRESSIVE_TIMEOUT"]);
    assertEquals([stats!.initialTimeoutMs, stats!.extensionsApplied], [1_500, 0]);
    assertStringIncludes(
      await Deno.readTextFile(`${swarm.root}/logs/r-1.stream.txt`),
      "[COORDINATOR] stopping the agent: PROGRESSIVE_TIMEOUT",
    );
  },
  { initialTimeoutMs: 1_500, maxTimeoutMs: 1_500 },
);

outcomeTest(
  "one that heeds SIGTERM can say a last word",
  "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done",
  async (swarm) => {
    const { status, output, failureReason } = await swarm.result("r-1");
    assertEquals([status, output, failureReason], ["timeout", "up\nbye\n", "PROGRESSIVE_TIMEOUT"]);
  },
  { initialTimeoutMs: 1_500, maxTimeoutMs: 1_500, killGraceMs: 5_000 },
);

outcomeTest("what is left in the group ends with the agent", "sleep 300 & sleep 300 & echo done", async (swarm) => {
  assertEquals((await swarm.result("r-1")).status, "completed");
});

outcomeTest(
  "a daemon that left group and session, and holds the output open, is found",
  "setsid sleep 300 & echo done; sleep 0.1",
  async (swarm) => {
    const { status, output } = await swarm.result("r-1");
    assertEquals([status, output], ["completed", "done\n"]);
  },
);

outcomeTest(
  "a daemon that closed everything is found",
  "setsid sleep 300 </dev/null >/dev/null 2>&1 & echo done; sleep 0.1",
  async (swarm) => {
    assertEquals((await swarm.result("r-1")).status, "completed");
  },
);

outcomeTest("bytes that are no UTF-8 are in the log as they were, and told in the result", "printf 'a\\377\\376b'", async (swarm) => {
  const { output, stats } = await swarm.result("r-1");
  assertEquals([output, stats!.invalidUtf8, stats!.totalOutputBytes], ["a\ufffd\ufffdb", true, 4]);
  const log = await Deno.readFile(`${swarm.root}/logs/r-1.stream.txt`);
  const at = log.indexOf(0xff);
  assertEquals([...log.subarray(at - 1, at + 3)], [0x61, 0xff, 0xfe, 0x62]);
});

/** `deno task processes`: a GiB. */
const MUCH_BYTES = Deno.args.includes("--long") ? 2 ** 30 : 20_000_000;

outcomeTest(
  "much output is in the log, and its beginning and end in the result",
  `echo first; head -c ${MUCH_BYTES} /dev/zero; echo; echo last`,
  async (swarm) => {
    const { output, stats } = await swarm.result("r-1");
    const bytes = "first\n".length + MUCH_BYTES + "\nlast\n".length;
    assertEquals([stats!.totalOutputBytes, stats!.outputLeftOutBytes], [bytes, bytes - OUTPUT_BYTES_KEPT]);
    assert(output.startsWith("first\n") && output.endsWith("last\n") && output.length < OUTPUT_BYTES_KEPT + 100);
    assert((await Deno.stat(`${swarm.root}/logs/r-1.stream.txt`)).size > bytes);
  },
);

outcomeTest(
  "silence ends an agent that does nothing",
  "sleep 300",
  async (swarm) => {
    const { status, failureReason } = await swarm.result("r-1");
    assertEquals([status, failureReason], ["timeout", "HEARTBEAT_TIMEOUT"]);
  },
  { heartbeatTimeoutMs: 400, heartbeatCheckIntervalMs: 100 },
);

outcomeTest(
  "silence does not end one that computes",
  "i=0; while [ $i -lt 1200000 ]; do i=$((i+1)); done; echo computed",
  async (swarm) => {
    const { status, output, stats } = await swarm.result("r-1");
    assertEquals([status, output], ["completed", "computed\n"]);
    assert(stats!.cpuMs! > 0);
  },
  { heartbeatTimeoutMs: 500, heartbeatCheckIntervalMs: 100 },
);
