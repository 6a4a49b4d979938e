/**
 * Waits until the disk has what was written: a rename or a link stands there when its folder does, a file's bytes when the file does.
 *
 * @module
 */

/** Windows opens no folders; there, names are as durable as the system makes them by itself. */
const FOLDERS_CAN_BE_SYNCED = Deno.build.os !== "windows";

/** One sync for all who ask while another runs: with twenty agents at once the disk is waited for once or twice, not sixty times. */
export class SharedSync {
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** `sync` must reach everything that was written before it is called. */
  constructor(private readonly sync: () => Promise<unknown>) {}

  /**
   * Resolves when all that was written before stands on the disk. Once a sync has failed it rejects for ever: the system may have thrown the pages away,
   * and call the next one a success.
   */
  done(): Promise<void> {
    if (this.#running === null) return this.#start();
    return this.#next ??= this.#running.then(() => this.#start());
  }

  #start(): Promise<void> {
    this.#next = null;
    return this.#running = this.sync().then(() => {
      if (this.#next === null) this.#running = null;
    });
  }
}

/** The names within a folder. */
export async function syncFolder(path: string): Promise<void> {
  if (!FOLDERS_CAN_BE_SYNCED) return;
  using folder = Deno.openSync(path);
  await folder.sync();
}

/** A new file, with all its bytes on the disk. */
export async function writeSynced(path: string, text: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  await file.sync();
}
