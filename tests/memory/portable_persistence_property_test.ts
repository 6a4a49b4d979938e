/** Random work, a fault at a random operation of the disk, and what is there afterwards. Every failure names its seed. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../../core/base/random.ts";
import { FaultDisk } from "../support/fault_disk.ts";
import { keepStore, type KeptStore, PATH } from "../support/kept_store.ts";
import { nearCollector } from "../support/near_collector.ts";
import { assertExact, type StoreArena } from "../support/store_arena.ts";

const NAMESPACES = ["a", "b"];
const KEYS = 40;
const GONE = "gone";

/** What each key may be found as: the value of the last flush that was acknowledged, and all that came after it. */
class Promised {
  readonly #allowed = new Map<string, Set<string>>();
  #now = new Map<string, string>();

  set(key: string, value: string): void {
    this.#now.set(key, value);
    this.#of(key).add(value);
  }

  now(): Map<string, string> {
    return new Map(this.#now);
  }

  /** A flush was acknowledged that began when everything was as in `then`. */
  acknowledge(then: Map<string, string>, since: Map<string, string[]>): void {
    for (const key of this.#allowed.keys()) {
      this.#allowed.set(key, new Set([then.get(key) ?? GONE, ...since.get(key) ?? []]));
    }
  }

  check(key: string, found: string, seed: number): void {
    assert(this.#of(key).has(found), `seed ${seed}: ${key} is ${found}, allowed: ${[...this.#of(key)].join(", ")}`);
  }

  keys(): Iterable<string> {
    return this.#allowed.keys();
  }

  /** After a restart what was found is what is. */
  restart(found: Map<string, string>): void {
    this.#now = found;
    for (const key of this.#allowed.keys()) this.#allowed.set(key, new Set([found.get(key) ?? GONE]));
  }

  #of(key: string): Set<string> {
    const known = this.#allowed.get(key) ?? new Set([GONE]);
    this.#allowed.set(key, known);
    return known;
  }
}

class Run {
  readonly random: Random;
  readonly promised = new Promised();
  readonly disk: FaultDisk;
  kept!: KeptStore;
  /** Changes since each flush that is under way began. */
  readonly #logs = new Set<Map<string, string[]>>();
  #count = 0;
  acknowledged = 0;

  constructor(readonly seed: number) {
    this.random = new Random(seed);
    this.disk = new FaultDisk(seed);
  }

  async open(bytes?: number): Promise<void> {
    const diesAt = this.random.below(3) === 0 ? 1 + this.random.below(30) : Infinity;
    const between = (): void => void (this.random.below(4) === 0 && this.change());
    const far = this.random.below(2) === 0 ? undefined : (arena: StoreArena) => nearCollector(arena, between, diesAt);
    this.kept = await keepStore(this.disk, { bytes, seed: this.seed, turn: () => Promise.resolve(this.change()), far });
  }

  change(): void {
    const { store } = this.kept;
    const namespace = NAMESPACES[this.random.below(NAMESPACES.length)];
    const key = `k${this.random.below(KEYS)}`;
    const name = `${namespace}/${key}`;
    const kind = this.random.below(20);
    if (kind === 0) {
      for (let i = 0; i < KEYS; i++) this.#note(`${namespace}/k${i}`, GONE);
      store.clear(namespace);
    } else if (kind < 6) {
      this.#note(name, GONE);
      store.delete(namespace, key);
    } else {
      const value = `${++this.#count}:${"x".repeat(this.random.below(this.random.below(10) === 0 ? 40_000 : 300))}`;
      this.#note(name, value);
      assert(store.set(namespace, key, value));
    }
  }

  #note(name: string, value: string): void {
    this.promised.set(name, value);
    for (const log of this.#logs) log.set(name, [...log.get(name) ?? [], value]);
  }

  async flush(): Promise<boolean> {
    const then = this.promised.now();
    const since = new Map<string, string[]>();
    this.#logs.add(since);
    try {
      await this.kept.persistence.flush();
      this.promised.acknowledge(then, since);
      this.acknowledged++;
      return true;
    } catch {
      return false; // nothing was promised
    } finally {
      this.#logs.delete(since);
    }
  }

  check(): void {
    const { store, arena } = this.kept;
    const found = new Map<string, string>();
    for (const name of this.promised.keys()) {
      const [namespace, key] = name.split("/");
      const value = store.get(namespace, key) as string | undefined;
      this.promised.check(name, value ?? GONE, this.seed);
      if (value !== undefined) found.set(name, value);
    }
    assertEquals(store.verify().damaged, 0, `seed ${this.seed}`);
    assertEquals(store.stats().entries, found.size, `seed ${this.seed}`);
    assertExact(arena.open(1));
    this.promised.restart(found);
  }
}

/** Some lives of one state, each ended by a fault. */
async function live(seed: number, lives: number): Promise<Run> {
  const run = new Run(seed);
  for (let life = 0; life < lives; life++) {
    await run.open();
    const { lost } = run.kept.persistence.recovery;
    assertEquals([lost.refused], [0], `seed ${seed}`);
    run.check();
    run.disk.writesShort = run.random.below(3) === 0;
    const kind = (["crash", "crash", "ENOSPC", "EIO"] as const)[run.random.below(4)];
    run.disk.fault = { at: run.disk.operations + 1 + run.random.below(60), kind, times: 1 + run.random.below(3) };
    for (let step = 0; step < 12 && !run.disk.isDown; step++) {
      for (let i = run.random.below(30); i > 0; i--) run.change();
      await Promise.all(run.random.below(3) === 0 ? [run.flush(), run.flush()] : [run.flush()]);
    }
    if (run.random.below(3) === 0) run.disk.killProcess();
    else run.disk.losePower();
  }
  await run.open();
  run.check();
  return run;
}

Deno.test("whatever the disk does, what was acknowledged is there after the next start, and every value is whole", async () => {
  let acknowledged = 0;
  for (let seed = 1; seed <= 20; seed++) acknowledged += (await live(seed, 6)).acknowledged;
  assert(acknowledged > 150, `only ${acknowledged} flushes were acknowledged: the test shows little`);
});

Deno.test("a log that is written anew often keeps the same promise", async () => {
  // Large values: the log outgrows its slack within a few flushes.
  for (let seed = 1_001; seed <= 1_004; seed++) {
    const run = new Run(seed);
    await run.open(4 << 20);
    const { store } = run.kept;
    run.disk.fault = { at: 400 + run.random.below(200), kind: "crash" };
    for (let round = 0; round < 60 && !run.disk.isDown; round++) {
      for (let i = 0; i < 10; i++) store.set("bulk", `k${i}`, `${round} ${"y".repeat(60_000)}`);
      run.change();
      await run.flush();
    }
    assert(run.disk.bytesOf(PATH).length < 14 << 20, `${run.disk.bytesOf(PATH).length} bytes`);
    run.disk.losePower();
    await run.open(4 << 20);
    for (const name of run.promised.keys()) {
      const [namespace, key] = name.split("/");
      run.promised.check(name, (run.kept.store.get(namespace, key) as string | undefined) ?? GONE, seed);
    }
  }
});

Deno.test("what was acknowledged by the writing of a new file is there after a loss of power, and so is what came after a sync that failed", async () => {
  let rewritten = 0;
  for (let seed = 1; seed <= 24; seed++) {
    const disk = new FaultDisk(seed);
    const { store, persistence } = await keepStore(disk, { bytes: 4 << 20 });
    let last = 0;
    for (let before = 0; persistence.status.bytes >= before; last++) {
      before = persistence.status.bytes;
      for (let i = 0; i < 20; i++) store.set("bulk", `k${i}`, `${last} ${"y".repeat(60_000)}`);
      disk.nextSyncFails = last === seed % 5;
      const mayFail = disk.nextSyncFails;
      await persistence.flush().catch((error) => assert(mayFail, error));
      await persistence.flush();
      if (last === seed % 5 && seed % 2 === 0) break;
    }
    if (persistence.status.bytes < 8 << 20) rewritten++;
    disk.losePower();
    const again = await keepStore(disk, { bytes: 4 << 20 });
    for (let i = 0; i < 20; i++) {
      const value = again.store.get("bulk", `k${i}`) as string | undefined;
      assert(
        value !== undefined && Number(value.split(" ")[0]) >= last - 1,
        `seed ${seed}: k${i} is ${value?.slice(0, 9)}, not ${last - 1}`,
      );
    }
    await again.persistence.close();
  }
  assert(rewritten > 0);
});
