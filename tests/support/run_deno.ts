/** Runs this same deno as a user does: by its arguments, in a folder, with nothing to ask. */

/** What a process left. */
export interface Ended {
  /** Exit code. */
  readonly code: number;
  /** All of it. */
  readonly stdout: string;
  /** All of it. */
  readonly stderr: string;
}

/** A process that takes longer hangs: it is ended, and fails its test with what it has said until then. */
const HANG_MS = 60_000;

/** `deno …args` in `cwd`. */
export async function runDeno(cwd: URL | string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "null",
    signal: AbortSignal.timeout(HANG_MS),
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A folder that is there while `use` runs. */
export async function withFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
