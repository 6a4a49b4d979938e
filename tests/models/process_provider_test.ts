import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SystemClock } from "../../core/base/clock.ts";
import { ModelError } from "../../core/models/model_errors.ts";
import { processProvider, promptOf } from "../../core/models/process_provider.ts";
import { UltraFastAgentManager } from "../../mod.ts";
import { endOfGroups } from "../support/groups.ts";
import { openDesk } from "../support/model_desk.ts";
import { testWith } from "../support/permissions.ts";
import { runDeno, withFolder } from "../support/run_deno.ts";
import { untilThere } from "../support/until.ts";

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

testWith({ run: true }, "one that leaves something out of its group which holds its pipes open is answered all the same", async () => {
  const script = "exec 3>&1; echo $(setsid sh -c 'echo $$; exec sleep 300 >&3' &)"; // answers when there is a session of its own
  using desk = openDesk({ providers: [processProvider({ name: "sh", command: ["sh", "-c", script], clock })] });
  const { text } = await desk.ask({ agentId: 0, request: { prompt: "x" } });
  Deno.kill(Number(text), "SIGKILL");
});

/** Gives a call to this shell script up as soon as it has said this many words, which are numbers of processes. */
async function givenUpAfter(words: number, script: string): Promise<number[]> {
  const given = new AbortController();
  let said = "";
  const provider = processProvider({ name: "sh", command: ["sh", "-c", script], clock });
  using desk = openDesk({ providers: [provider], retriesMax: 0 });
  const onText = (piece: string): void => {
    said += piece;
    if (said.split("\n").length > words) given.abort(new Error("enough"));
  };
  const asked = desk.ask({ agentId: 0, request: { prompt: "x" }, signal: given.signal, onText });
  await assertRejects(() => asked, Error, "enough");
  return said.trim().split("\n").map(Number);
}

testWith({ run: true }, "a call that is given up ends its process and what that has started, even what heeds no SIGTERM", async () => {
  const heeding = await givenUpAfter(3, "echo $$; sleep 300 & echo $!; (sleep 300 & wait) & echo $!; wait");
  const stubborn = await givenUpAfter(2, "echo $$; (trap '' TERM; sleep 300; sleep 300) & echo $!; wait");
  await endOfGroups(heeding[0], stubborn[0]);
});

testWith({ run: true }, "what an answered command leaves in its group ends with it", async () => {
  using desk = openDesk({ providers: [processProvider({ name: "sh", command: ["sh", "-c", "sleep 300 & echo $$"], clock })] });
  const { text } = await desk.ask({ agentId: 0, request: { prompt: "x" } });
  await endOfGroups(Number(text));
});

testWith({ run: true, read: true, write: true }, "a manager that is shut down ends the commands that its agents' models are", async () => {
  await withFolder(async (folder) => {
    const script = `sleep 300 & echo $$ > ${folder}/group.part; mv ${folder}/group.part ${folder}/group; wait`;
    const manager = new UltraFastAgentManager({ threads: 0, executor: { provider: { process: ["sh", "-c", script] } } });
    await manager.initialize();
    const doing = manager.executeTask(await manager.spawnAgent("coder"), { id: "1", objective: "x" });
    await untilThere(`${folder}/group`);
    await manager.shutdown();
    assertEquals((await doing).status, "cancelled");
    await endOfGroups(Number(await Deno.readTextFile(`${folder}/group`)));
  });
});

testWith({ run: true, read: true }, "with the permission to run it and nothing else, a command is still ended", async () => {
  const url = (path: string): string => JSON.stringify(new URL(`../../core/${path}`, import.meta.url).href);
  const code = `import { SystemClock } from ${url("base/clock.ts")};
    import { processProvider } from ${url("models/process_provider.ts")};
    const given = new AbortController();
    const request = { model: "sleep", messages: [{ role: "user", content: "" }], maxTokens: 1 };
    const sent = (await processProvider({ name: "p", command: ["sleep", "300"], clock: new SystemClock(0) }).open())
      .send(request, given.signal, () => undefined);
    given.abort("enough");
    console.log(await sent.catch((reason) => reason));`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, code);
  const { stdout, stderr } = await runDeno(".", ["run", "--no-prompt", "--allow-run=sleep", file]);
  await Deno.remove(file);
  assertEquals([stdout, stderr], ["enough\n", ""]);
});

Deno.test("a conversation is one text with who says what", () => {
  const messages = [{ role: "user" as const, content: "a" }, { role: "assistant" as const, content: "b" }, {
    role: "user" as const,
    content: "c",
  }];
  assertEquals(promptOf({ messages }), "user: a\n\nassistant: b\n\nuser: c");
  assertStringIncludes(promptOf({ messages: [messages[0]], system: "S" }), "S\n\na");
});
