/**
 * Runs the models in a process of their own, because only a process can have an import map, and reads what they found. What explores them, and how one
 * order is played again: see explore.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { testWith } from "../support/permissions.ts";
import type { Finding } from "./explore.ts";

const ROOT = new URL("../../", import.meta.url);

testWith({ read: true, run: true }, "every model has acceptable outcomes only, and every mutant is caught", async (t) => {
  const args = [
    "run",
    "--no-prompt",
    "--no-config",
    "--no-lock",
    "--import-map=tests/model/import_map.json",
    "--allow-read",
    "tests/model/explore.ts",
  ];
  const output = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null" }).output();
  const [text, errors] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  const findings = text.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Finding);
  for (const { model, ok, report, orders } of findings) {
    await t.step(`${model} (${orders} orders)`, () => assert(ok, report));
  }
  assert(findings.length > 10, `only ${findings.length} models were explored: ${errors}`);
  assertEquals(output.code, 0, errors);
});
