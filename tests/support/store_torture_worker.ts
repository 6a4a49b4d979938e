/** Entry of a thread that runs a `Torture`. */
import { parentPort, workerData } from "node:worker_threads";
import { Torture, type TortureOrder } from "./store_torture.ts";

const torture = new Torture(workerData as TortureOrder, () => parentPort?.postMessage("running"));
try {
  await torture.run();
} catch (error) {
  torture.report.error = Deno.inspect(error);
}
parentPort?.postMessage(torture.report);
