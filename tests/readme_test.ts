/** The README's first screen runs as it stands. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { testWith } from "./support/permissions.ts";

const root = new URL("../", import.meta.url);

testWith({ read: true, write: true, run: true }, "the README's first screen runs as it stands", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  const blocks = [...readme.matchAll(/```ts[^\n]*\n([\s\S]*?)```/g)].map((match) => match[1]);
  const folder = await Deno.makeTempDir();
  try {
    for (const block of blocks.slice(0, 2)) {
      const name = /^\/\/ (\w+\.ts)/.exec(block)![1];
      await Deno.writeTextFile(`${folder}/${name}`, block);
    }
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", `--config=${new URL("deno.json", root).pathname}`, "--allow-read", `${folder}/main.ts`],
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, decoder.decode(stderr));
    assertStringIncludes(decoder.decode(stdout), '{ echo: { hello: "world" } }');
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testWith({ read: true, write: true, run: true }, "the README's program that keeps its state finds it when it runs again", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  const block = /```ts ignore\n(\/\/ keep\.ts\n[\s\S]*?)```/.exec(readme)![1];
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/keep.ts`, block);
    for (const found of ["undefined", "{ paid: true }"]) {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        ...{
          cwd: folder,
          args: ["run", "--no-prompt", `--config=${new URL("deno.json", root).pathname}`, "--allow-read", "--allow-write", "keep.ts"],
        },
      }).output();
      const decoder = new TextDecoder();
      assertEquals(code, 0, decoder.decode(stderr));
      assertEquals(decoder.decode(stdout).split("\n")[0], found);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testWith({ read: true, write: true, run: true }, "the README's agents that are kept apart are, and read what they may", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  const block = /```ts ignore\n(const coder = [^`]*?isolated;[\s\S]*?)```/.exec(readme)![1];
  const folder = await Deno.makeTempDir();
  try {
    const agent = new URL("core/agents/agent.ts", root);
    const reader = `onMessage: async ({ payload }, ctx) => void ctx.reply(await Deno.readTextFile(payload))`;
    await Deno.writeTextFile(
      `${folder}/reader.ts`,
      `import { defineAgent } from "${agent}";\nexport default defineAgent({ ${reader} });\n`,
    );
    await Deno.mkdir(`${folder}/docs`);
    await Deno.writeTextFile(`${folder}/docs/intro.md`, "an introduction");
    const program = `import { UltraFastAgentManager } from "${new URL("mod.ts", root)}";
      await using manager = new UltraFastAgentManager({ behaviors: { reader: new URL("./reader.ts", import.meta.url) } });
      await manager.initialize();
      ${
      block.replace("await manager.ask(reader", "const text = await manager.ask(reader").replace(
        "manager.getSystemStatus()",
        "const counts = $&",
      )
    }
      console.log(JSON.stringify([text, counts]));
      await manager.ask(reader, "main.ts").catch((error) => console.log(error.message.split(" to ")[0]));`;
    await Deno.writeTextFile(`${folder}/main.ts`, program);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      ...{
        cwd: folder,
        args: [
          "run",
          "--no-prompt",
          `--config=${new URL("deno.json", root).pathname}`,
          "--allow-read",
          `--allow-run=${Deno.execPath()}`,
          "main.ts",
        ],
      },
    }).output();
    const decoder = new TextDecoder();
    const said = ['["an introduction",{"worker":1,"process":1}]', "Requires read access"];
    assertEquals([code, decoder.decode(stdout).trim().split("\n")], [0, said], decoder.decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testWith({ read: true }, "every error name of core/ has a line in the README's table", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", root));
  const codes = new Set<string>();
  async function walk(folder: URL): Promise<void> {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.isDirectory) await walk(new URL(`${entry.name}/`, folder));
      else if (entry.name.endsWith(".ts")) {
        const text = await Deno.readTextFile(new URL(entry.name, folder));
        for (const match of text.matchAll(/(?:new KernelError|super)\(\s*"([A-Z_]+)"/g)) codes.add(match[1]);
      }
    }
  }
  await walk(new URL("core/", root));
  const names = [...codes].map((code) =>
    code.toLowerCase().replace(/(^|_)([a-z])/g, (_match, _gap, letter) => letter.toUpperCase()) + "Error"
  );
  const missing = names.filter((name) => name !== "AssertionError" && !readme.includes(`\`${name}\``));
  assertEquals(missing, []);
});
