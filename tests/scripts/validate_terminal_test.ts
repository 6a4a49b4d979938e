/** On a terminal a missing permission is a question that stops the run. Nothing may ask. */
import { assert, assertFalse } from "@std/assert";
import { missingFlags, testWith } from "../support/permissions.ts";

const root = new URL("../../", import.meta.url);

/** `script` (util-linux) runs a command on a terminal of its own. */
const hasTerminal = missingFlags({ read: true }).length === 0 && await Deno.stat("/usr/bin/script").then(() => true, () => false);

testWith(
  { read: true, run: true },
  hasTerminal ? "on a terminal, without any flag, nothing asks" : "on a terminal (skipped: needs util-linux)",
  async () => {
    if (!hasTerminal) return;
    const command = `${Deno.execPath()} run scripts/validate-stage3-performance.ts --scenario baseline --agents 40 --duration 500`;
    const child = new Deno.Command("script", {
      args: ["-qec", command, "/dev/null"],
      cwd: root,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let text = "";
    // Read while it runs: a question would never end, so the first one ends the run.
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (!text.includes("requests")) continue;
      child.kill();
      break;
    }
    await child.stderr.cancel();
    const { code } = await child.status;
    assertFalse(text.includes("requests"), text);
    // Half a second is too short for the targets: 1 is as good as 0.
    assert(code === 0 || code === 1, `exit ${code}\n${text}`);
  },
);
