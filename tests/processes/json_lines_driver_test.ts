import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { LineCutter } from "../../core/base/line_cutter.ts";
import { testWith } from "../support/permissions.ts";
import { PROCESS_NEEDS, withSwarm } from "../support/swarm.ts";

Deno.test("lines are the same however the bytes come, and too long ones are dropped and counted", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 30 })), fc.array(fc.nat(50)), (texts, cuts) => {
      const lines = texts.map((text) => text.replaceAll("\n", " "));
      const bytes = new TextEncoder().encode(lines.join("\n"));
      const found: string[] = [];
      const cutter = new LineCutter((line) => found.push(line), 40);
      let at = 0;
      for (const cut of cuts) cutter.take(bytes.subarray(at, at += cut));
      cutter.take(bytes.subarray(at));
      cutter.end();
      const length = (line: string) => new TextEncoder().encode(line).length;
      assertEquals(
        found,
        lines.filter((line) => length(line) <= 40 && line.trim() !== "").map((line) =>
          new TextDecoder().decode(new TextEncoder().encode(line))
        ),
      );
      assertEquals(cutter.dropped, lines.filter((line) => length(line) > 40).length);
    }),
    { numRuns: 40 },
  );
});

testWith(PROCESS_NEEDS, "the last line of type result is the result, with its usage", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("good", { model: "m" });
    await swarm.serve(
      `head -n 1 > input; echo no json; echo '{"type":"assistant"}'
       echo '{"type":"result","result":"forty-two","total_cost_usd":0.25,"usage":{"input_tokens":10,"output_tokens":2}}'`,
      { driver: "json-lines" },
    );
    const { status, output, stats } = await swarm.result("good");
    assertEquals([status, output, stats!.usage], ["completed", "forty-two", { inputTokens: 10, outputTokens: 2, costUsd: 0.25 }]);
    assertEquals(stats!.protocol, { lines: 3, malformed: 1, tooLong: 0 });
    const input = JSON.parse(await Deno.readTextFile(`${stats!.workingDirectory}/input`));
    assertEquals([input.type, input.model, input.requestId], ["user", "m", "good"]);
    assertStringIncludes(input.message.content, "# Objective\nwork");
  });
});

testWith(PROCESS_NEEDS, "no result, or one that says that it failed, is a failure although the program ended well", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("none");
    await swarm.serve('echo \'{"type":"assistant"}\'', { driver: "json-lines" });
    await swarm.request("failed");
    await swarm.serve(`echo '{"type":"result","is_error":true,"result":"no"}'`, { driver: "json-lines" });
    const [none, failed] = [await swarm.result("none"), await swarm.result("failed")];
    assertEquals([none.status, none.failureReason, none.error], ["failed", "EXIT_CODE", "it ended without a line of type result"]);
    assertEquals([failed.status, failed.output, failed.error], ["failed", "no", "it says that it failed: no"]);
  });
});
