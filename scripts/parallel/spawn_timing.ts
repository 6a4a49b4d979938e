/**
 * The document's first test: how long until an agent runs, and what of that is the system's.
 *
 * @module
 */
import { requestsNamed, runLab, type Spread, spreadOf } from "./laboratory.ts";

/** What it came to, in ms. */
export interface SpawnTiming {
  /** Fork and exec of a program with three pipes by the runtime alone, measured in turn with the others. */
  readonly bareMs: Spread;
  /** From the claim of a request to its running process. */
  readonly spawnMs: Spread;
  /** Of it, fork and exec. */
  readonly execMs: Spread;
  /** Of it, until the disk had the note that the agent may have run. */
  readonly syncMs: Spread;
  /** All of it but fork and exec. */
  readonly overheadMs: Spread;
  /** From the claim to the running process when a health check comes before it. */
  readonly withHealthCheckMs: Spread;
  /** The health check's own time. */
  readonly healthCheckMs: Spread;
}

const BATCH = 20;

/** Measures `samples` of each, in batches that take turns. */
export async function measureSpawning(samples: number): Promise<SpawnTiming> {
  const [bare, spawn, exec, sync, overhead, withCheck, check]: number[][] = [[], [], [], [], [], [], []];
  const settings = { maxConcurrentAgents: 1 };
  for (let done = 0; done < samples; done += BATCH) {
    for (let i = 0; i < BATCH; i++) bare.push(await bareSpawnMs());
    await runLab(requestsNamed("plain", BATCH), "true", { settings }, ({ results }) => {
      for (const { stats } of results) {
        spawn.push(stats!.spawnMs!);
        exec.push(stats!.execMs!);
        sync.push(stats!.syncMs!);
        overhead.push(stats!.spawnMs! - stats!.execMs!);
      }
    });
    await runLab(requestsNamed("checked", BATCH), "true", { settings, healthCheck: "true" }, ({ results }) => {
      for (const { stats } of results) {
        withCheck.push(stats!.spawnMs! + stats!.healthCheckMs!);
        check.push(stats!.healthCheckMs!);
      }
    });
  }
  const [bareMs, spawnMs, execMs, syncMs, overheadMs, withHealthCheckMs, healthCheckMs] = [
    ...[bare, spawn, exec, sync, overhead, withCheck, check],
  ].map(spreadOf);
  return { bareMs, spawnMs, execMs, syncMs, overheadMs, withHealthCheckMs, healthCheckMs };
}

async function bareSpawnMs(): Promise<number> {
  const command = new Deno.Command("/bin/sh", { args: ["-c", "true"], stdin: "piped", stdout: "piped", stderr: "piped" });
  const startedAt = performance.now();
  const child = command.spawn();
  const ms = performance.now() - startedAt;
  await Promise.all([child.stdin.close().catch(() => undefined), child.stdout.cancel(), child.stderr.cancel(), child.status]); // it does not read
  return ms;
}
