/**
 * A program whose disk fills up: `full_disk.ts MODE FOLDER` keeps state in FOLDER, has no room for a while, and then has some again. MODE is `portable` or
 * `mapped`, on a small file system that it fills; or `limited`: portable, where files may not grow beyond some MiB, and room comes from deleting keys. Prints
 * what it saw as one line of JSON.
 *
 * @module
 */
import { isKernelError, UltraFastAgentManager } from "../../mod.ts";

/** What it saw. */
export interface SeenOnFullDisk {
  /** Of a start without room: the error's code, and the names that it left in the folder. Null where it was not tried. */
  readonly refused: { readonly code: string; readonly left: readonly string[] } | null;
  /** Of a flush without room: code of the error, and of the system's. */
  readonly flush: { readonly code: string; readonly errno: unknown };
  /** What the status says then. */
  readonly failure: string | null;
  /** Whether all that was set could be read while there was no room. */
  readonly readable: boolean;
  /** Events, in order. */
  readonly events: readonly string[];
  /** Keys that the next start found, and those of them that were wrong. */
  readonly recovered: number;
  readonly wrong: number;
}

/** Keys before the disk is full. */
export const KEYS_BEFORE = 100;
/** Keys set while it is: several MiB, in pages that nothing has touched before. */
export const KEYS_WITHOUT_ROOM = 1_200;
const VALUE_CHARS = 5_000;
const MEBIBYTE = new Uint8Array(1 << 20);

const valueOf = (key: number): string => String.fromCharCode(97 + key % 26).repeat(VALUE_CHARS);

function managerOn(path: string, mode: "mapped" | "portable", events: string[]): UltraFastAgentManager {
  const manager = new UltraFastAgentManager({
    ...{ threads: 0, memoryStoreSize: 16 << 20, sharedBufferSize: 16 << 20, maxConcurrentAgents: 100, enablePerformanceMonitoring: false },
    persistence: { path, mode, intervalMs: 3_600_000 },
  });
  for (const event of ["persistence:failed", "persistence:mended"] as const) manager.on(event, () => void events.push(event));
  return manager;
}

/** Takes all the room that there is; returns how to give it back. */
function fill(folder: string): () => void {
  const path = `${folder}/ballast`;
  using file = Deno.openSync(path, { write: true, create: true });
  try {
    for (let bytes = MEBIBYTE; bytes.length > 0;) {
      if (file.statSync().size >= 256 << 20) throw new Error(`${folder} is no small file system`);
      try {
        file.writeSync(bytes);
      } catch (error) {
        if ((error as { code?: string }).code !== "ENOSPC") throw error;
        bytes = bytes.subarray(0, bytes.length >> 1);
      }
    }
  } finally {
    file.syncDataSync();
  }
  return () => Deno.removeSync(path);
}

async function refusal(folder: string, mode: "mapped" | "portable"): Promise<SeenOnFullDisk["refused"]> {
  const empty = fill(folder);
  const manager = managerOn(`${folder}/state`, mode, []);
  const error = await manager.initialize().then(() => null, (cause: unknown) => cause);
  const left = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name !== "ballast");
  await manager.shutdown();
  empty();
  return { code: isKernelError(error) ? error.code : String(error), left };
}

async function run(mode: "mapped" | "portable", folder: string, isLimited: boolean): Promise<SeenOnFullDisk> {
  const path = `${folder}/state`;
  const refused = mode === "mapped" ? await refusal(folder, mode) : null;
  const events: string[] = [];
  const manager = managerOn(path, mode, events);
  await manager.initialize();
  const { memoryStore: store } = manager;
  for (let key = 0; key < KEYS_BEFORE; key++) store.set("n", `${key}`, valueOf(key));
  await store.flush();
  const empty = isLimited ? () => undefined : fill(folder);
  // Without blocks of their own, pages that are touched now would be a SIGBUS in a mapped file.
  const keys = KEYS_BEFORE + KEYS_WITHOUT_ROOM;
  for (let key = KEYS_BEFORE; key < keys; key++) store.set("n", `${key}`, valueOf(key));
  const failed = await store.flush().then(() => null, (cause: unknown) => cause);
  const readable = Array.from({ length: keys }, (_, key) => store.get("n", `${key}`) === valueOf(key)).every((right) => right);
  const { failure } = manager.getSystemStatus().persistence!;
  const flush = isKernelError(failed) ? { code: failed.code, errno: failed.data.errno } : { code: String(failed), errno: null };
  empty();
  const kept = isLimited ? KEYS_BEFORE : keys;
  for (let key = kept; key < keys; key++) store.delete("n", `${key}`);
  await store.flush();
  await manager.shutdown();
  const again = managerOn(path, mode, []);
  await again.initialize();
  let [recovered, wrong] = [0, 0];
  for (let key = 0; key < keys; key++) {
    const value = again.memoryStore.get("n", `${key}`);
    if (value !== undefined) recovered++;
    if (value !== (key < kept ? valueOf(key) : undefined)) wrong++;
  }
  await again.shutdown();
  return { refused, flush, failure, readable, events, recovered, wrong };
}

if (import.meta.main) {
  const [mode, folder] = Deno.args;
  console.log(JSON.stringify(await run(mode === "mapped" ? "mapped" : "portable", folder, mode === "limited")));
}
