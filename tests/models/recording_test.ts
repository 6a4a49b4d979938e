import { assertEquals, assertRejects } from "@std/assert";
import { ConfigError, UltraFastAgentManager } from "../../mod.ts";
import { modelServer } from "../support/model_server.ts";
import { testWith } from "../support/permissions.ts";

interface Seen {
  readonly pieces: string[];
  readonly texts: unknown[];
}

/** Asks twice the same, once something else, and once by a task. */
async function run(executor: Record<string, unknown>): Promise<Seen> {
  await using manager = new UltraFastAgentManager({ threads: 0, behaviors: {}, executor });
  await manager.initialize();
  const pieces: string[] = [];
  for await (const piece of manager.model.stream("Hello?")) pieces.push(piece);
  const again = await manager.model.complete({ prompt: "Hello?", maxTokens: 9 });
  const same = await manager.model.complete({ prompt: "Hello?", maxTokens: 9 });
  const task = await manager.executeTask(await manager.spawnAgent("coder"), { id: "1", objective: "Write it." });
  return { pieces, texts: [again, same, task.output, task.usage, task.provider, task.model] };
}

testWith({ net: true, read: true, write: true, env: true }, "a recorded run is repeated without a server, byte for byte", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let recorded: Seen;
    {
      await using server = modelServer({ pieces: ["a", "b"] }, { pieces: ["c"] }, { pieces: ["d"] }, { pieces: ["e"] });
      const provider = { openai: { baseUrl: `${server.url}/v1`, model: "m" } };
      recorded = await run({ provider, record: `${folder}/run` });
      assertEquals(recorded.pieces, ["a", "b"]);
    }
    const names = [...Deno.readDirSync(`${folder}/run`)].map(({ name }) => name).sort();
    assertEquals(names.length, 4);
    const provider = { openai: { baseUrl: "http://127.0.0.1:9/v1", model: "m" } };
    assertEquals(await run({ provider, replay: `${folder}/run` }), recorded);
    assertEquals(
      await run({ provider: { anthropic: { model: "m" } }, replay: `${folder}/run` }).catch(({ code }) => code),
      "REPLAY_MISSING",
    );
    await using changed = new UltraFastAgentManager({ threads: 0, executor: { provider, replay: `${folder}/run` } });
    await changed.initialize();
    await assertRejects(() => changed.model.complete("Something else"), Error, "no answer was recorded for this request to openai");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testWith(
  { read: true, write: true, run: true },
  "what commands answered is recorded and repeated too, and no command runs then",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const script = `${folder}/count.ts`;
      await Deno.writeTextFile(
        script,
        `await Deno.writeTextFile(${JSON.stringify(`${folder}/ran`)}, "x", { append: true }); console.log("hi");`,
      );
      const provider = { process: [Deno.execPath(), "run", "--quiet", `--allow-write=${folder}`, script] };
      const texts: string[] = [];
      for (const mode of ["record", "replay"]) {
        await using manager = new UltraFastAgentManager({ threads: 0, executor: { provider, [mode]: `${folder}/run` } });
        await manager.initialize();
        texts.push((await manager.model.complete("Go.")).text);
      }
      assertEquals([texts, await Deno.readTextFile(`${folder}/ran`)], [["hi", "hi"], "x"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

testWith({ read: true, write: true }, "a folder that cannot be used is refused by its option when the manager starts", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/file`, "");
    const cases = [["record", "file"], ["record", "file/below"], ["replay", "none"], ["replay", "file"]] as const;
    for (const [mode, name] of cases) {
      await using manager = new UltraFastAgentManager({ threads: 0, executor: { [mode]: `${folder}/${name}` } });
      await assertRejects(() => manager.initialize(), ConfigError, `executor.${mode}: the folder cannot be used`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
