/**
 * A file of JSON lines that is rotated: `path` is the newest, `path.1` the one before it, and so on. It is written behind everybody's back, and a disk
 * that fails or lags costs lines (counted), never memory or an exception.
 *
 * @module
 */
import type { MetricsLogPlan } from "../base/config.ts";
import { ConfigError } from "../base/errors.ts";
import { METRICS_LOG_LINES_WAITING_MAX } from "../base/limits.ts";

/** One log. */
export class MetricsLog {
  readonly #encoder = new TextEncoder();
  readonly #waiting: string[] = [];
  #file: Deno.FsFile | null = null;
  #bytes = 0;
  #writing: Promise<void> | null = null;
  #linesLost = 0;
  #failure: string | null = null;

  /** Opens nothing yet. Throws `ConfigError` that names the flags when a permission is missing. */
  constructor(private readonly plan: MetricsLogPlan) {
    const flags = missingFlags(plan);
    if (flags.length > 0) throw new ConfigError("metricsLog", `may not be written; run with ${flags.join(" ")}.`, { flags });
  }

  /** Opens the file, so that a wrong path is an error at the start and not a silence later. */
  async open(): Promise<void> {
    try {
      await this.#open();
    } catch (cause) {
      throw new ConfigError("metricsLog", `${this.plan.path} cannot be opened: ${messageOf(cause)}.`, {}, { cause });
    }
  }

  /** Lines that were not written: the disk failed, or lagged too far behind. */
  get linesLost(): number {
    return this.#linesLost;
  }

  /** Why the last line could not be written; null when it could. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Adds one line. */
  write(value: unknown): void {
    if (this.#waiting.length >= METRICS_LOG_LINES_WAITING_MAX) {
      this.#linesLost++;
      this.#failure = `${METRICS_LOG_LINES_WAITING_MAX} lines wait for the disk`;
      return;
    }
    this.#waiting.push(JSON.stringify(value) + "\n");
    this.#writing ??= this.#drain().finally(() => this.#writing = null);
  }

  /** Resolves when all lines so far are written or lost. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    await this.#writing;
    this.#file?.close();
    this.#file = null;
  }

  async #drain(): Promise<void> {
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      try {
        await this.#append(this.#encoder.encode(line));
        this.#failure = null;
      } catch (error) {
        this.#linesLost++;
        this.#failure = messageOf(error);
        this.#file?.close(); // opened anew for the next line: the file may have been moved, or the disk mended
        this.#file = null;
      }
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    if (this.#file === null) await this.#open();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.plan.bytesMax) await this.#rotate();
    for (let at = 0; at < bytes.length;) at += await this.#file!.write(bytes.subarray(at));
    this.#bytes += bytes.length;
  }

  async #open(): Promise<void> {
    const file = await Deno.open(this.plan.path, { append: true, create: true });
    try {
      this.#bytes = (await file.stat()).size;
      this.#file = file;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  async #rotate(): Promise<void> {
    const files = filesOf(this.plan);
    if (files.length === 1) await this.#file!.truncate(0);
    this.#file!.close();
    this.#file = null;
    for (let older = files.length - 1; older > 0; older--) await renameIfThere(files[older - 1], files[older]);
    await this.#open();
  }
}

function filesOf({ path, filesMax }: MetricsLogPlan): string[] {
  return Array.from({ length: filesMax }, (_, age) => age === 0 ? path : `${path}.${age}`);
}

/** The flags that are needed and not granted, as they would be typed. Renaming takes the permission to read, too. */
function missingFlags(plan: MetricsLogPlan): string[] {
  const files = filesOf(plan);
  const missing = (name: "read" | "write"): string[] =>
    files.filter((path) => Deno.permissions.querySync({ name, path }).state !== "granted");
  const flags = { write: missing("write"), read: files.length > 1 ? missing("read") : [] };
  return Object.entries(flags).filter(([, paths]) => paths.length > 0).map(([name, paths]) => `--allow-${name}=${paths.join(",")}`);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await Deno.rename(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
