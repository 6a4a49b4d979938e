/**
 * One thread of a model. Started from source, under the import map that swaps the atomics.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { attachMemory } from "../../core/memory/shared_memory.ts";
import { Baton } from "./baton.ts";
import { MODELS } from "./models.ts";
import { holdBaton } from "./turnstile_atomics.ts";

const { name, me, memory, cells } = workerData as { name: string; me: number; memory: WebAssembly.Memory; cells: SharedArrayBuffer };
const model = MODELS.find((one) => one.name === name);
if (model === undefined) throw new Error(`no model ${name}`);
const arena = attachMemory(memory);
const baton = new Baton(cells, me);
holdBaton(baton);
parentPort?.postMessage("ready");
// Thread 0's length of life is the last word of the arena: the explorer sets it before each run; 0 is for ever.
baton.takePart(() => model.prepare(me, arena), () => (me === 0 && arena.words.at(-1)) || Infinity);
