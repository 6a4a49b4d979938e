/**
 * Tests that need a permission. One that is not granted skips the test, and the skipped test's name says which flag is missing: nothing asks at
 * the terminal, nothing passes without having run.
 *
 * @module
 */

/** What a test needs beyond plain computing. `net` is this machine only. */
export interface Needs {
  /** `--allow-read` */
  read?: boolean;
  /** `--allow-write` */
  write?: boolean;
  /** `--allow-run` */
  run?: boolean;
  /** `--allow-env` */
  env?: boolean;
  /** `--allow-sys` */
  sys?: boolean;
  /** `--allow-net=127.0.0.1` */
  net?: boolean;
  /** `--allow-ffi` */
  ffi?: boolean;
  /** `--allow-import` (of 127.0.0.1) */
  import?: boolean;
}

const FLAGS: Record<keyof Needs, { flag: string; descriptor: Deno.PermissionDescriptor }> = {
  read: { flag: "--allow-read", descriptor: { name: "read" } },
  write: { flag: "--allow-write", descriptor: { name: "write" } },
  run: { flag: "--allow-run", descriptor: { name: "run" } },
  env: { flag: "--allow-env", descriptor: { name: "env" } },
  sys: { flag: "--allow-sys", descriptor: { name: "sys" } },
  net: { flag: "--allow-net=127.0.0.1", descriptor: { name: "net", host: "127.0.0.1" } },
  ffi: { flag: "--allow-ffi", descriptor: { name: "ffi" } },
  import: { flag: "--allow-import=127.0.0.1", descriptor: { name: "import", host: "127.0.0.1" } as Deno.PermissionDescriptor },
};

/** The flags that are needed and not granted, as they would be typed. Never prompts. */
export function missingFlags(needs: Needs): string[] {
  const wanted = (Object.keys(FLAGS) as (keyof Needs)[]).filter((name) => needs[name]);
  return wanted.filter((name) => Deno.permissions.querySync(FLAGS[name].descriptor).state !== "granted").map((name) => FLAGS[name].flag);
}

/** `Deno.test` that is skipped, with the missing flags in its name, when `needs` are not granted. */
export function testWith(needs: Needs, name: string, fn: (t: Deno.TestContext) => void | Promise<void>): void {
  const missing = missingFlags(needs);
  if (missing.length === 0) Deno.test(name, fn);
  else Deno.test({ name: `${name} (skipped: needs ${missing.join(" ")})`, ignore: true, fn });
}
