/**
 * What `affinity` does while another program hogs one processor: asks between two worker threads, in runs that take turns, without affinity and with both
 * threads kept to a processor that is free. Also without the hog, for what it costs. Linux; calls the C library itself, so that nothing need be built.
 *
 * ```sh
 * deno run -A bench/affinity.ts              # 5 rounds of 2,000 asks
 * deno run -A bench/affinity.ts 15 5000
 * ```
 *
 * @module
 */
import type { CoreCalls } from "../core/memory/kernels.ts";
import { UltraFastAgentManager } from "../mod.ts";

const [rounds = 5, asks = 2_000] = Deno.args.filter((text) => /^\d+$/.test(text)).map(Number);
const SET_BYTES = 128;
const LIBRARIES = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"];

function libcCores(): CoreCalls {
  const path = LIBRARIES.find((one) => {
    try {
      return Deno.statSync(one).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
  if (path === undefined) throw new Error(`no C library in ${LIBRARIES.join(", ")}`);
  const call = { parameters: ["i32", "usize", "buffer"], result: "i32" } as const;
  const { symbols } = Deno.dlopen(path, { sched_getaffinity: call, sched_setaffinity: call });
  const checked = (result: number): void => {
    if (result !== 0) throw new Error("the system refused: none of these processors is this process's");
  };
  return {
    get() {
      const bits = new Uint8Array(SET_BYTES);
      checked(symbols.sched_getaffinity(0, BigInt(SET_BYTES), bits));
      return Array.from({ length: 8 * SET_BYTES }, (_unused, cpu) => cpu).filter((cpu) => (bits[cpu >> 3] >> (cpu & 7)) & 1);
    },
    set(cpus) {
      const bits = new Uint8Array(SET_BYTES);
      for (const cpu of cpus) bits[cpu >> 3] |= 1 << (cpu & 7);
      checked(symbols.sched_setaffinity(0, BigInt(SET_BYTES), bits));
    },
  };
}

/** Asks `to` again and again, and answers with how long each took. */
const PAIR = `data:text/javascript,${
  encodeURIComponent(`export default Object.defineProperty({ async onMessage(message, ctx) {
    const { to, asks } = message.payload ?? {};
    if (to === undefined) return ctx.reply(1);
    const times = [];
    for (let count = 0; count < asks; count++) {
      const at = performance.now();
      await ctx.ask(to, null);
      times.push(performance.now() - at);
    }
    times.sort((a, b) => a - b);
    ctx.reply([0.5, 0.95, 0.99].map((share) => times[Math.floor(share * times.length)]));
  } }, Symbol.for("@stage3/kernel.behavior"), { value: true });`)
}`;

/** p50, p95 and p99 of an ask between threads, in ms; and where the threads may run, as the system tells it. */
async function run(affinity: false | number[], cores: CoreCalls): Promise<{ times: number[]; threads: string }> {
  await using manager = new UltraFastAgentManager({ threads: 2, affinity, behaviors: { pair: PAIR } }, { cores });
  await manager.initialize();
  const [one, two] = [await manager.spawnAgent("pair", { host: 1 }), await manager.spawnAgent("pair", { host: 2 })];
  await manager.ask(one, { to: two, asks: 200 }, { timeoutMs: 120_000 });
  const times = await manager.ask<number[]>(one, { to: two, asks }, { timeoutMs: 120_000 });
  return { times, threads: allowedSets() };
}

/** How many threads of this process may run on which processors. */
function allowedSets(): string {
  const sets = new Map<string, number>();
  for (const { name } of Deno.readDirSync("/proc/self/task")) {
    const set = /Cpus_allowed_list:\s*(\S+)/.exec(Deno.readTextFileSync(`/proc/self/task/${name}/status`))?.[1] ?? "?";
    sets.set(set, (sets.get(set) ?? 0) + 1);
  }
  return [...sets].map(([set, count]) => `${count} on ${set}`).join(", ");
}

function startHog(cpu: number): Deno.ChildProcess {
  const args = ["run", "-A", import.meta.url, "hog", String(cpu)];
  return new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped" }).spawn();
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];

async function compare(name: string, cores: CoreCalls, free: number): Promise<void> {
  const ways = [{ what: "without", affinity: false as const, runs: [] as number[][] }, {
    what: `on processor ${free}`,
    affinity: [free],
    runs: [] as number[][],
  }];
  let threads = "";
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      const { times, threads: where } = await run(way.affinity, cores);
      way.runs.push(times);
      if (way.affinity !== false) threads = where;
    }
  }
  for (const { what, runs } of ways) {
    const [p50, p95, p99] = [0, 1, 2].map((at) => (1_000 * median(runs.map((times) => times[at]))).toFixed(1));
    console.log(`${name}, ${what}: ask p50 ${p50} µs, p95 ${p95} µs, p99 ${p99} µs (medians of ${rounds} runs)`);
  }
  console.log(`  with affinity the process's threads were: ${threads}`);
}

async function main(): Promise<void> {
  const cores = libcCores();
  if (Deno.args[0] === "hog") {
    cores.set([Number(Deno.args[1])]);
    console.log("hogging");
    for (;;);
  }
  const all = cores.get();
  if (all.length < 2) throw new Error("one processor alone cannot be both hogged and free");
  const [hogged, free] = [all[0], all[all.length - 1]];
  await compare("no hog", cores, free);
  const hog = startHog(hogged);
  try {
    await hog.stdout.getReader().read();
    await compare(`processor ${hogged} hogged`, cores, free);
  } finally {
    hog.kill("SIGKILL");
    await hog.status;
  }
}

await main();
