/** Disks that are full or too small for real: a file system of 56 MiB, and a limit of the size of files. What fails otherwise, a disk in memory plays. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { KEYS_BEFORE, KEYS_WITHOUT_ROOM, type SeenOnFullDisk } from "../support/full_disk.ts";
import { missingFlags, testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

const NEEDS = { read: true, write: true, run: true };
const ROOT = new URL("../../", import.meta.url);
const PROGRAM = "tests/support/full_disk.ts";
const FLAGS = "--no-prompt --allow-read --allow-write --allow-sys --allow-ffi";

/** Runs a shell's text; its exit code and outputs. */
async function shell(text: string, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command("sh", { args: ["-c", text, "sh", ...args], cwd: ROOT, stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Mounts within names of its own: needs no rights, and leaves nothing behind. Some systems forbid even that. */
const MOUNT = 'mount -t tmpfs -o size=56m tmpfs "$1"';
const NAMESPACE = `exec unshare -rm sh -c '${MOUNT} && shift && exec "$@"' sh "$@"`;

async function canMount(): Promise<boolean> {
  if (Deno.build.os !== "linux" || missingFlags(NEEDS).length > 0) return false;
  return await withFolder(async (folder) => (await shell(NAMESPACE, [folder, "true"])).code === 0);
}

async function seen(text: string, mode: string, folder: string): Promise<SeenOnFullDisk> {
  const { code, stdout, stderr } = await shell(text, [folder, Deno.execPath(), "run", ...FLAGS.split(" "), PROGRAM, mode, folder]);
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

const mounts = await canMount();
for (const mode of mounts ? ["portable", "mapped"] : []) {
  testWith(
    NEEDS,
    `a disk without room (${mode}): a flush says so, nothing set is lost, and a start without room changes nothing`,
    () =>
      withFolder(async (folder) => {
        const { failure, ...rest } = await seen(NAMESPACE, mode, folder);
        assertStringIncludes(failure ?? "", "No space left");
        assertEquals(rest, {
          refused: mode === "mapped" ? { code: "PERSISTENCE_FULL", left: [] } : null,
          flush: { code: "PERSISTENCE_WRITE", errno: "ENOSPC" },
          ...{ readable: true, events: ["persistence:failed", "persistence:mended"] },
          ...{ recovered: KEYS_BEFORE + KEYS_WITHOUT_ROOM, wrong: 0 },
        });
      }),
  );
}
if (!mounts) Deno.test({ name: "a disk without room (skipped: no file system can be mounted here)", ignore: true, fn: () => {} });

// A shell that ignores the signal hands that on: the write then fails with EFBIG. Who does not ignore it is killed, as by any other signal.
const LIMITED = `shift; trap '' XFSZ; ulimit -f 4096; exec "$@"`;
if (Deno.build.os !== "windows") {
  testWith(
    NEEDS,
    "files that may not grow: a flush says so, and works again when there is less to keep",
    () =>
      withFolder(async (folder) => {
        const { failure, flush, ...rest } = await seen(LIMITED, "limited", folder);
        assertStringIncludes(failure ?? "", "File too large");
        assertEquals(flush.code, "PERSISTENCE_WRITE");
        assertEquals(rest, {
          ...{ refused: null, readable: true, events: ["persistence:failed", "persistence:mended"] },
          ...{ recovered: KEYS_BEFORE, wrong: 0 },
        });
      }),
  );
}
