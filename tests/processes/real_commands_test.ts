/**
 * Real coding commands, where they are installed and wanted: they take keys, time and money.
 *
 * ```sh
 * REAL_AGENTS=1 deno test --allow-all tests/processes/real_commands_test.ts
 * ```
 */
import { assertEquals, assertMatch } from "@std/assert";
import type { CoordinatorOptions } from "../../core/processes/process_coordinator.ts";
import { withSwarm } from "../support/swarm.ts";

const variable = (name: string): string | undefined =>
  Deno.permissions.querySync({ name: "env", variable: name }).state === "granted" ? Deno.env.get(name) : undefined;

async function isInstalled(command: string): Promise<boolean> {
  const folders = (variable("PATH") ?? "").split(":").filter(Boolean);
  if (Deno.permissions.querySync({ name: "read" }).state !== "granted") return false;
  const found = await Promise.all(folders.map((folder) => Deno.stat(`${folder}/${command}`).then(() => true, () => false)));
  return found.includes(true);
}

const COMMANDS: readonly (Pick<CoordinatorOptions, "command" | "driver">)[] = [
  { command: ["claude", "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"], driver: "json-lines" },
  { command: ["codex", "exec", "-"], driver: "plain" },
];

for (const { command, driver } of COMMANDS) {
  const missing = !variable("REAL_AGENTS") ? "needs REAL_AGENTS=1" : await isInstalled(command[0]) ? "" : `${command[0]} is not installed`;
  Deno.test({ name: `${command[0]} answers${missing && ` (skipped: ${missing})`}`, ignore: missing !== "" }, async () => {
    await withSwarm(async (swarm) => {
      await swarm.request("real", {}, { objective: "Reply with the word forty-two and nothing else. Use no tools." });
      await swarm.serve("", { command, driver, variable });
      const { status, output, error } = await swarm.result("real");
      assertEquals(status, "completed", error);
      assertMatch(output.toLowerCase(), /forty-two/);
    });
  });
}
