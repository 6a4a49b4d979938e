/**
 * The whole kernel in one thread on a fake clock, with hosts that die between turns and in the middle of handlers, over many seeds. What must hold of
 * every run: the counts add up, no message is handled twice (without `ack`) or vanishes, each sender's messages arrive in order, no agent is lost.
 */
import { assert, assertEquals } from "@std/assert";
import { type AgentId, defineAgent } from "../../core/agents/agent.ts";
import { Random } from "../../core/base/random.ts";
import { COUNTERS } from "../../core/metrics/counters.ts";
import { Simulation } from "../../core/testing.ts";

/** The long form: `deno task simulate`. */
const SEEDS = Deno.args.includes("--long") ? 5_000 : 250;
const HOSTS = 4;
const SPARES = 2;
const AGENTS = 8;
const MESSAGES = 120;

interface Entry {
  readonly sender: number;
  readonly number: number;
  readonly agent: AgentId;
  readonly retries: number;
}

class Run {
  readonly entered: Entry[] = [];
  readonly kernel: Simulation;
  readonly random: Random;
  readonly deaths: Promise<unknown>[] = [];
  readonly killers = new Set<AgentId>();
  agents: AgentId[] = [];
  alive = [1, 2, 3];
  spares = SPARES;
  sent = 0;
  asksSettled = 0;
  asks = 0;

  constructor(readonly seed: number) {
    this.random = new Random(seed);
    const work = defineAgent<{ sender: number; number: number; slow: boolean; kills: boolean }>({
      onMessage: (message, ctx) => {
        this.entered.push({ sender: message.payload.sender, number: message.payload.number, agent: ctx.id, retries: message.retryCount });
        // Once each: an agent in which two threads died is given up, as is tested elsewhere.
        if (message.payload.kills && !this.killers.has(ctx.id)) {
          this.killers.add(ctx.id);
          this.kill(ctx.host);
        }
        if (!message.payload.slow) return void (message.correlationId !== undefined && ctx.reply("done"));
        return new Promise<void>((resolve) => this.kernel.clock.schedule(3, resolve)).then(() => {
          if (message.correlationId !== undefined) ctx.reply("done");
        });
      },
    });
    this.kernel = new Simulation({ hosts: HOSTS, spares: SPARES, seed, behaviors: { work } });
  }

  kill(host: number): void {
    // One thread is left, or can be started: what happens without any is tested elsewhere.
    if (!this.alive.includes(host) || host >= this.kernel.hosts || this.alive.length + this.spares <= 1) return;
    this.alive = this.alive.filter((other) => other !== host);
    if (this.alive.length === 0) this.alive.push(HOSTS + SPARES - this.spares--);
    this.deaths.push(this.kernel.kill(host));
  }

  async go(): Promise<void> {
    this.agents = await this.kernel.until(this.kernel.host(0).spawnMany("work", AGENTS));
    const numbers = new Map<string, number>();
    const waiting: Promise<unknown>[] = [];
    for (let step = 0; step < MESSAGES; step++) {
      const agent = this.agents[this.random.below(AGENTS)];
      // Main's own messages: a dead thread's promises cannot be watched from outside.
      const sender = this.random.below(2);
      const key = `${sender}>${agent}`;
      const number = numbers.get(key) ?? 0;
      numbers.set(key, number + 1);
      const payload = { sender, number, slow: this.random.below(4) === 0, kills: this.random.below(60) === 0 };
      if (this.random.below(5) === 0) {
        this.asks++;
        const settled = (): void => void this.asksSettled++;
        waiting.push(this.kernel.host(0).ask(sender, agent, payload).then(settled, settled));
      } else {
        this.sent++;
        waiting.push(Promise.resolve(this.kernel.host(0).send(sender, agent, payload)));
      }
      if (this.random.below(40) === 0) this.kill(this.alive[this.random.below(this.alive.length)]);
      if (this.random.below(10) === 0) await this.kernel.settle(1 + this.random.below(8));
    }
    await this.kernel.until(Promise.all(waiting), 120_000);
    for (let seen = -1; seen !== this.deaths.length;) {
      seen = this.deaths.length;
      await this.kernel.until(Promise.all(this.deaths));
    }
    await this.kernel.run(50);
  }

  check(): void {
    const say = `seed ${this.seed}`;
    const counts = Object.fromEntries(COUNTERS.map((name) => [name, 0]));
    for (let host = 0; host < this.kernel.hosts; host++) {
      for (const name of COUNTERS) counts[name] += this.kernel.host(host).counts[name];
    }
    assertEquals(counts.sent, counts.delivered + counts.deadLettered + counts.expired, `${say}: the counts do not add up`);
    assertEquals(this.asksSettled, this.asks, `${say}: an ask hangs`);
    const handled = new Set<string>();
    const last = new Map<string, number>();
    for (const { sender, number, agent } of this.entered) {
      const key = `${sender}>${agent}`;
      assert(!handled.has(`${key}#${number}`), `${say}: ${key} message ${number} was handled twice`);
      handled.add(`${key}#${number}`);
      assert(number > (last.get(key) ?? -1), `${say}: ${key} message ${number} came after ${last.get(key)}`);
      last.set(key, number);
    }
    assertEquals(handled.size, this.sent + this.asks, `${say}: messages vanished`);
    for (const agent of this.agents) assert(this.kernel.hostOf(agent) >= 0, `${say}: agent ${agent} is lost`);
    const { ringBytesInUse, slabsInUse } = this.kernel.inspect();
    assertEquals([ringBytesInUse, slabsInUse], [0, 0], `${say}: something is left in shared memory`);
  }
}

Deno.test(`${SEEDS} seeds with dying hosts: the counts add up, nothing is lost, doubled or out of order`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = new Run(seed);
    await run.go();
    run.check();
  }
});
