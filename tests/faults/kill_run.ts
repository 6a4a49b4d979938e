/** Kills a process that writes, again and again, at random moments, and counts what it had acknowledged and what was lost. */
import { Random } from "../../core/base/random.ts";
import { SystemClock } from "../../core/base/clock.ts";

/** What came of it. */
export interface KillSummary {
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** Kills before the process had recovered. */
  readonly early: number;
  /** Starts that found an unfinished flush and cut it off. */
  readonly cut: number;
  /** Times that the log was seen to be shorter than before: it had been written anew. */
  readonly rewritten: number;
  readonly problems: readonly string[];
}

const clock = new SystemClock(0);

/** Runs it. */
export async function killAgainAndAgain(kills: number, mode: string, seed: number): Promise<KillSummary> {
  const random = new Random(seed);
  const folder = await Deno.makeTempDir();
  const known = { written: 0, consumed: 0, bytes: 0 };
  const counts = { lost: 0, early: 0, cut: 0, rewritten: 0 };
  const problems: string[] = [];
  try {
    for (let kill = 0; kill < kills && problems.length === 0; kill++) {
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--no-prompt", "--allow-read", "--allow-write", "--allow-sys", ...(mode === "mapped" ? ["--allow-ffi"] : [])],
          ...[new URL("kill_writer.ts", import.meta.url).href, `${folder}/state.kernel`, mode, `${seed + kill}`],
          ...[`${known.written}`, `${known.consumed}`],
        ],
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const errors = new Response(child.stderr).text();
      // Some die while they recover, most at one of their first flushes.
      let linesLeft = random.below(5) === 0 ? 1 : 2 + random.below(12);
      const early = linesLeft === 1;
      let isKilled = false;
      for await (const line of linesOf(child.stdout)) {
        const [word, ...rest] = line.split(" ");
        if (word === "lost") {
          problems.push(`kill ${kill}, seed ${seed}: ${line}`);
          counts.lost++;
        }
        if (word === "ready" && rest[3] === "1") counts.cut++;
        if (word === "ack") {
          const [written, consumed, bytes] = rest.map(Number);
          if (bytes < known.bytes) counts.rewritten++;
          Object.assign(known, { written, bytes, consumed: Math.max(known.consumed, consumed) });
        }
        if (--linesLeft > 0 || isKilled) continue;
        const until = clock.now() + random.next() * (early ? 120 : 5);
        while (clock.now() < until);
        child.kill("SIGKILL");
        isKilled = true;
      }
      const { signal, code } = await child.status;
      const text = await errors;
      if (isKilled && signal === "SIGKILL") counts.early += early ? 1 : 0;
      else problems.push(`kill ${kill}, seed ${seed}: it ended by itself with ${code}: ${text.slice(0, 2_000)}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return { kills, acknowledged: known.written, ...counts, problems };
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
