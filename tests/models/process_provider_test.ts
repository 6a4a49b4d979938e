import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SystemClock } from "../../core/base/clock.ts";
import { ModelError } from "../../core/models/model_errors.ts";
import { processProvider, promptOf } from "../../core/models/process_provider.ts";
import { openDesk } from "../support/model_desk.ts";
import { testWith } from "../support/permissions.ts";

const clock = new SystemClock(0);

/** A command that runs this text. */
function program(text: string): readonly string[] {
  return [Deno.execPath(), "eval", text, "{model}"];
}

async function ask(text: string, more: { signal?: AbortSignal; onText?: (piece: string) => void } = {}) {
  using desk = openDesk({ providers: [processProvider({ name: "cli", command: program(text), model: "m1", clock })], retriesMax: 0 });
  return await desk.ask({ agentId: 0, request: { prompt: "Tell: $(whoami)", system: "Short." }, ...more });
}

testWith({ run: true }, "the prompt goes to stdin, the model into the arguments, stdout is the answer", async () => {
  const echo = "const text = await new Response(Deno.stdin.readable).text(); console.log(JSON.stringify([text, Deno.args]));";
  const reply = await ask(echo);
  assertEquals(JSON.parse(reply.text), ["Short.\n\nTell: $(whoami)", ["m1"]]);
  assertEquals([reply.usage, reply.costUsd, reply.costUnknown, reply.model], [null, null, "cli does not say what it used", "m1"]);
});

testWith({ run: true }, "one that does not read its prompt and writes invalid UTF-8 is answered all the same", async () => {
  const { text } = await ask("await Deno.stdout.write(new Uint8Array([104, 255, 105])); Deno.stdin.close();");
  assertEquals(text, "h\ufffdi");
});

testWith({ run: true }, "a long prompt that is not read holds nobody up", async () => {
  using desk = openDesk({
    providers: [processProvider({ name: "cli", command: program('console.log("no thanks");'), model: "m", clock })],
  });
  assertEquals((await desk.ask({ agentId: 0, request: { prompt: "x".repeat(800_000) } })).text, "no thanks");
});

testWith({ run: true }, "an exit status other than 0 is an error with what it said; so is a command that is not there", async () => {
  const error = await assertRejects(() => ask('console.error("quota used up"); Deno.exit(3);'), ModelError, "exit status 3: quota used up");
  assertEquals([error.code, error.data.exitCode, error.data.retryable], ["MODEL_COMMAND", 3, false]);
  using desk = openDesk({ providers: [processProvider({ name: "cli", command: ["no-such-program-here"], clock })] });
  await assertRejects(() => desk.ask({ agentId: 0, request: { prompt: "x" } }), ModelError, "no-such-program-here was not found in PATH");
});

testWith({ run: true }, "one that writes without end is stopped", async () => {
  const endless = "const bytes = new Uint8Array(65536).fill(97); for (;;) await Deno.stdout.write(bytes);";
  await assertRejects(() => ask(endless), ModelError, "more than 1048576 bytes");
});

testWith({ run: true }, "one that leaves something behind which holds its pipes open is answered all the same", async () => {
  const stays = 'setTimeout(() => Deno.exit(), 30_000); console.log("pid " + Deno.pid);';
  const leaves = `console.log("left"); new Deno.Command(Deno.execPath(), { args: ["eval", ${
    JSON.stringify(stays)
  }], stdin: "null" }).spawn().unref();
    await new Promise((resolve) => setTimeout(resolve, 300)); Deno.exit(0);`;
  const { text } = await ask(leaves);
  assertStringIncludes(text, "left");
  const pid = Number(/pid (\d+)/.exec(text)?.[1]);
  if (pid > 0) Deno.kill(pid, "SIGKILL");
});

testWith({ run: true }, "a call that is given up ends its process", async () => {
  const given = new AbortController();
  let pid = 0;
  const onText = (piece: string): void => {
    pid = Number(piece);
    given.abort(new Error("enough"));
  };
  const hangs = "console.log(Deno.pid); setInterval(() => {}, 1000); await new Promise(() => {});";
  await assertRejects(() => ask(hangs, { signal: given.signal, onText }), Error, "enough");
  assert(pid > 0);
  for (;;) {
    try {
      Deno.kill(pid, "SIGCONT"); // it is there as long as it can be sent a signal
    } catch (error) {
      assert(error instanceof Deno.errors.NotFound || error instanceof TypeError, String(error));
      break;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
});

Deno.test("a conversation is one text with who says what", () => {
  const messages = [{ role: "user" as const, content: "a" }, { role: "assistant" as const, content: "b" }, {
    role: "user" as const,
    content: "c",
  }];
  assertEquals(promptOf({ messages }), "user: a\n\nassistant: b\n\nuser: c");
  assertStringIncludes(promptOf({ messages: [messages[0]], system: "S" }), "S\n\na");
});
