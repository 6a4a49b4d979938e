/** One behavior for all grades of isolation; what it is asked says what it does. Imports from a file of its own, as behaviors do. */
import { defineAgent, type SpawnConfig } from "../../core/agents/agent.ts";

/** What it can be asked for. */
export interface Order {
  readonly do: string;
  readonly value?: unknown;
  readonly to?: number;
  readonly config?: SpawnConfig;
}

interface State {
  seen: unknown[];
  starts: number;
}

/** Longer than any test waits, and yet not for ever: no runtime can end a thread that never returns, and the tests after it need its core. */
const HANG_MS = 8_000;

/** Runs the same in a thread of many, in one of its own and in a process of its own. */
export default defineAgent<Order, unknown, State>({
  stateVersion: 1,
  snapshotIntervalMs: 0,
  onStart(ctx) {
    ctx.state = { seen: ctx.state.seen ?? [], starts: (ctx.state.starts ?? 0) + 1 };
    ctx.metrics.counter("graded_starts").add();
  },
  async onMessage(message, ctx) {
    const { do: what, value, to = 0, config } = message.payload;
    ctx.metrics.counter("graded_messages", { what }).add();
    ctx.metrics.histogram("graded_sizes").record(3);
    if (what === "note") return void ctx.state.seen.push(value);
    if (what === "seen") return ctx.reply({ ...ctx.state, type: ctx.type, words: ctx.capabilities, id: ctx.id });
    if (what === "throw") throw new RangeError(String(value));
    if (what === "forward") await ctx.send(to, { do: "note", value });
    if (what === "ask") return ctx.reply(await ctx.ask(to, value));
    if (what === "model") return ctx.reply((await ctx.model.complete({ prompt: String(value), maxTokens: 20 })).text);
    if (what === "stream") {
      let text = "";
      for await (const piece of ctx.model.stream(String(value))) text += `|${piece}`;
      return ctx.reply(text);
    }
    if (what === "store") {
      ctx.store.set("graded", "key", { value });
      const { version, value: kept } = ctx.store.getEntry("graded", "key")!;
      const swapped = ctx.store.compareAndSet("graded", "key", version, [kept, ctx.store.has("graded", "none")]);
      const found = ctx.store.get("graded", "key");
      const { entries } = ctx.store.scan("graded");
      return ctx.reply({
        swapped,
        found,
        isFrozen: Object.isFrozen(found),
        keys: entries.map(({ key }) => key),
        none: ctx.store.get("graded", "none"),
      });
    }
    if (what === "subscribe") ctx.subscribe(String(value));
    if (what === "publish") return ctx.reply(ctx.publish(String(value), { do: "note", value: "published" }));
    if (what === "spawn") return ctx.reply(await ctx.spawn(String(value), config));
    if (what === "log") ctx.log("said", { value });
    if (what === "read") return ctx.reply(await Deno.readTextFile(String(value)));
    if (what === "import") return ctx.reply(Object.keys(await import(String(value))));
    if (what === "hang") { for (const until = Date.now() + HANG_MS; Date.now() < until;); }
    if (what === "fill") fill();
    if (what === "wait") {
      await new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve(), { once: true }));
      ctx.store.set("graded", "aborted", true);
    }
    if (message.correlationId !== undefined) ctx.reply("done");
  },
  onTask(task, ctx) {
    if (task.input === "throw") throw new TypeError("no");
    return { task: task.objective, by: ctx.id };
  },
  onStop(ctx) {
    ctx.store.set("graded", `stopped ${ctx.id}`, ctx.state.seen.length);
  },
  healthCheck: (ctx) => ({ healthy: true, details: ctx.state.starts }),
  snapshot: (ctx) => ({ seen: ctx.state.seen, starts: ctx.state.starts }),
});

/** Uses up its heap. */
function fill(): void {
  const hoard: unknown[] = [];
  for (;;) hoard.push(new Array(100_000).fill(hoard.length));
}
