/**
 * Reads a mapped file without changing it and without FFI: a copy of what is mapped, taken by ordinary reads. Of a running process it is a copy of many
 * moments, so what looks damaged is read again.
 *
 * @module
 */
import { readSlotWord } from "../../core/agents/agent_directory.ts";
import { AGENT_STATE, HOST_STATE } from "../../core/agents/lifecycle.ts";
import { readTrace } from "../../core/memory/black_box.ts";
import { busParts, QUEUE, QUEUE_NAME_LENGTH_MAX, queueCursors, queueField, QUEUES_MAX } from "../../core/memory/bus_layout.ts";
import { inspectArena } from "../../core/memory/inspection.ts";
import { AGENT_SLOT, agentSlotAt, HEADER, HOST, hostField, type Layout } from "../../core/memory/layout.ts";
import { headerOf } from "../../core/memory/mapped_errors.ts";
import type { MappedRange } from "../../core/memory/mapped_file.ts";
import { decodeState, MAPPED_HEADER_BYTES, MAPPED_STATE, mappedFileBytes, mappedRanges } from "../../core/memory/mapped_layout.ts";
import { type ByteWindow, privateWindow } from "../../core/memory/shared_memory.ts";
import { type ImageCheck, StoreImage } from "../../core/memory/store_image.ts";
import { STORE_UNIT_BYTES } from "../../core/memory/store_layout.ts";
import { blockUnits } from "../../core/memory/store_scratch.ts";
import { isLocked } from "./portable.ts";
import type { AgentRow, HostRow, MappedReport, QueueRow, StoreReport } from "./report.ts";

/** Damaged entries that are named. */
const NAMED_MAX = 64;
/** Times that a running process's store is read before damage is believed. */
const READS_MAX = 8;

/** What stands in the file. Throws `PERSISTENCE_…` when it is no file that this program can read. */
export function inspectMapped(path: string): MappedReport {
  using file = Deno.openSync(path);
  const bytes = file.statSync().size;
  const head = new Uint8Array(Math.min(bytes, MAPPED_HEADER_BYTES));
  readInto(file, 0, head);
  const { header, copiesDamaged } = headerOf(path, head);
  const { layout } = header;
  const window = privateWindow(Math.ceil(layout.totalBytes / 8) * 8);
  for (const range of mappedRanges(layout)) readRange(file, range, window);
  const isUsed = isLocked(file);
  const image = new StoreImage(window, layout);
  const check = checkedStore(file, window, layout, image, isUsed);
  const store = storeReport(image, check);
  const storeBytes = store.namespaces.reduce((sum, namespace) => sum + namespace.bytes, 0);
  return {
    ...{ mode: "mapped", path, bytes, bytesMissing: Math.max(0, mappedFileBytes(layout) - bytes) },
    ...{ layoutVersion: header.layoutVersion, createdAt: new Date(header.createdAt).toISOString(), pid: header.pid },
    ...{ state: stateText(decodeState(head), isUsed), headerCopiesDamaged: copiesDamaged },
    regions: inspectArena(window, layout, window.words[HEADER.agentsLive >> 2], storeBytes).regions,
    ...{ hosts: hostRows(window, layout), agents: agentRows(window, layout), queues: queueRows(window, layout), store },
  };
}

function stateText(state: number, isUsed: boolean): string {
  if (isUsed) return "in use";
  return state === MAPPED_STATE.closed ? "closed" : state === MAPPED_STATE.live ? "left" : "filling";
}

function readInto(file: Deno.FsFile, at: number, target: Uint8Array<ArrayBufferLike>): void {
  file.seekSync(at, Deno.SeekMode.Start);
  for (let done = 0; done < target.length;) {
    const read = file.readSync(target.subarray(done) as Uint8Array<ArrayBuffer>);
    if (read === null) return; // cut off: the rest reads as zeros
    done += read;
  }
}

function readRange(file: Deno.FsFile, { offset, bytes, fileOffset }: MappedRange, window: ByteWindow): void {
  readInto(file, fileOffset, window.bytes.subarray(offset, Math.min(offset + bytes, window.bytes.length)));
}

/** Only what looks damaged in every copy is. */
function checkedStore(file: Deno.FsFile, window: ByteWindow, layout: Layout, image: StoreImage, isUsed: boolean): ImageCheck {
  let check = image.check(NAMED_MAX);
  for (let reads = 1; isUsed && check.damaged > 0 && reads < READS_MAX; reads++) {
    const { offset, bytes } = layout.store;
    readInto(file, MAPPED_HEADER_BYTES + offset, window.bytes.subarray(offset, offset + bytes));
    const again = image.check(NAMED_MAX);
    if (again.damaged < check.damaged) check = again;
  }
  return check;
}

function storeReport(image: StoreImage, check: ImageCheck): StoreReport {
  const { holder, isWhole } = image.lock;
  const names = image.names();
  const sums = new Map<number, { entries: number; bytes: number }>();
  for (let entry = 0; entry < image.capacity; entry++) {
    if (image.look(entry) !== "valid") continue;
    const sum = sums.get(image.namespaceId) ?? { entries: 0, bytes: 0 };
    const { keyBytes, valueAt, end } = image.image;
    sums.set(image.namespaceId, {
      entries: sum.entries + 1,
      bytes: sum.bytes + blockUnits(keyBytes, end - valueAt) * STORE_UNIT_BYTES,
    });
  }
  return {
    ...{ changes: image.sequence, lockHolder: holder < 0 ? null : holder, isWhole, changing: image.changing ?? null, check },
    namespaces: [...sums].sort(([a], [b]) => a - b).map(([id, sum]) => ({ namespace: names[id] ?? `(name of ${id} damaged)`, ...sum })),
  };
}

function hostRows({ words, floats }: ByteWindow, layout: Layout): HostRow[] {
  const rows: HostRow[] = [];
  const names = Object.entries(HOST_STATE);
  for (let host = 0; host < layout.hosts; host++) {
    const word = (field: number): number => words[hostField(layout, host, field) >> 2];
    const state = names.find(([, value]) => value === word(HOST.state))?.[0] ?? `unknown (${word(HOST.state)})`;
    if (state === "absent") continue;
    rows.push({
      ...{ host, state, beat: word(HOST.beat) >>> 0, isAsleep: word(HOST.sleeping) !== 0, agents: word(HOST.agents) },
      running: floats[hostField(layout, host, HOST.running) >> 3],
    });
  }
  return rows;
}

function agentRows(window: ByteWindow, layout: Layout): AgentRow[] {
  const names = Object.entries(AGENT_STATE);
  const rows: AgentRow[] = [];
  for (let slot = 0; slot < layout.agentSlots; slot++) {
    const { id, host, isFull, state } = readSlotWord(slot, window.words[agentSlotAt(layout, slot, AGENT_SLOT.tag) >> 2]);
    const trace = layout.blackBox.bytes > 0 ? readTrace(window, layout, slot) : { type: "", handled: 0, failed: 0, events: [] };
    // Nobody ever lived here.
    if (state === AGENT_STATE.free && trace.events.length === 0) continue;
    rows.push({ id, state: names.find(([, value]) => value === state)?.[0] ?? `unknown (${state})`, host, isFull, ...trace });
  }
  return rows;
}

function queueRows({ words, view }: ByteWindow, layout: Layout): QueueRow[] {
  const parts = busParts(layout);
  const rows: QueueRow[] = [];
  for (let queue = 0; queue < QUEUES_MAX; queue++) {
    const word = (field: number): number => words[queueField(parts, queue, field) >> 2];
    const state = ["", "live", "closed"][word(QUEUE.state)] ?? "damaged";
    if (state === "") continue;
    const at = queueField(parts, queue, QUEUE.name);
    let name = "";
    for (let unit = 0; unit < Math.min(word(QUEUE.nameLength), QUEUE_NAME_LENGTH_MAX); unit++) {
      name += String.fromCharCode(view.getUint16(at + 2 * unit, true));
    }
    const waiting = Array.from({ length: Math.max(0, Math.min(5, word(QUEUE.levels))) }, (_unused, level) => {
      const { head, tail } = queueCursors(parts, queue, level);
      return Math.max(0, Math.min((words[tail >> 2] - words[head >> 2]) | 0, word(QUEUE.capacity)));
    });
    rows.push({ name, state, capacity: word(QUEUE.capacity), waiting });
  }
  return rows;
}
