/**
 * What other processes do with a mapped file in tests: `read FILE n` reads the store of a running writer n times and checks what it finds; `add FILE n`
 * maps the file without asking for its lock and adds 1 n times to a word of its first arena page; `attach FILE key` prints one value.
 *
 * @module
 */
import { attachMapped } from "../../core/attach_mapped.ts";
import { add, load, store } from "../../core/memory/atomics.ts";
import { MAPPED_UNIT_BYTES, MappedFile } from "../../core/memory/mapped_file.ts";
import { MAPPED_HEADER_BYTES } from "../../core/memory/mapped_layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";
import { writtenValue } from "./mapped_writer.ts";

/** Where `add` adds: a word of the header's line that nothing uses. */
export const ADDED_WORD = 15;
/** What the adders wait for, so that they add at the same time. */
export const START_WORD = 14;

/** Maps the arena's first page of a file. */
export function firstPage(path: string): { words: Int32Array; close(): void } {
  const file = MappedFile.open(path, "write");
  const memory = allocateMemory(MAPPED_UNIT_BYTES);
  const range = { offset: 0, bytes: MAPPED_UNIT_BYTES, fileOffset: MAPPED_HEADER_BYTES };
  file.map(memory, [range], "write");
  return {
    words: memory.words,
    close: () => {
      file.release(memory, [range]);
      file.close();
    },
  };
}

function readAll(path: string, times: number): void {
  using attached = attachMapped(path);
  let [found, newest] = [0, 0];
  for (let turn = 0; turn < times; turn++) {
    const entry = attached.getEntry("writer", `key-${turn % 500}`);
    if (entry === undefined) continue;
    const value = entry.value as { n: number; text: string };
    if (value.n % 500 !== turn % 500 || value.text !== writtenValue(value.n).text) throw new Error(`key-${turn % 500} has ${value.n}`);
    found++;
    newest = Math.max(newest, value.n);
  }
  let listed = 0;
  for (const { key, value } of attached.entries("writer")) {
    const { n, text } = value as { n: number; text: string };
    if (key !== `key-${n % 500}` || text !== writtenValue(n).text) throw new Error(`${key} is listed with ${n}`);
    listed++;
  }
  const { damaged } = attached.verify();
  console.log(JSON.stringify({ found, listed, damaged, newest, isCurrent: attached.isCurrent, namespaces: attached.namespaces() }));
}

if (import.meta.main) {
  const [what, path, count] = Deno.args;
  if (what === "read") readAll(path, Number(count));
  else if (what === "attach") {
    using attached = attachMapped(path);
    console.log(JSON.stringify(attached.get("a", count) ?? null));
  } else {
    const page = firstPage(path);
    add(page.words, START_WORD, 1);
    while (load(page.words, START_WORD) < 2);
    for (let n = Number(count); n > 0; n--) add(page.words, ADDED_WORD, 1);
    page.close();
  }
}

/** Sets both words to 0. */
export function resetPage(words: Int32Array): void {
  store(words, START_WORD, 0);
  store(words, ADDED_WORD, 0);
}
