import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError } from "../../core/base/errors.ts";
import { METRICS_LOG_LINES_WAITING_MAX } from "../../core/base/limits.ts";
import { MetricsLog } from "../../core/metrics/metrics_log.ts";
import { testWith } from "../support/permissions.ts";

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The numbers in a log's files, newest file first. */
async function numbersIn(folder: string): Promise<number[][]> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  return await Promise.all(names.map(async (name) => {
    const lines = (await Deno.readTextFile(`${folder}/${name}`)).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line).number as number);
  }));
}

const line = (number: number): { number: number; pad: string } => ({ number, pad: "x".repeat(400) });

testWith(
  { read: true, write: true },
  "lines are whole, files are rotated before they outgrow their bound, the oldest give way",
  async () => {
    await withFolder(async (folder) => {
      const plan = { path: `${folder}/log`, bytesMax: 1_024, filesMax: 3 };
      const log = new MetricsLog(plan);
      for (let number = 0; number < 9; number++) log.write(line(number));
      await log.close();
      assertEquals(await numbersIn(folder), [[8], [6, 7], [4, 5]]);
      const again = new MetricsLog(plan); // goes on where the last one ended
      again.write(line(9));
      again.write(line(10));
      await again.close();
      assertEquals(await numbersIn(folder), [[10], [8, 9], [6, 7]]);
      assertEquals([again.linesLost, again.failure], [0, null]);
    });
  },
);

testWith({ read: true, write: true }, "a log of one file starts over when it is full", async () => {
  await withFolder(async (folder) => {
    const log = new MetricsLog({ path: `${folder}/log`, bytesMax: 1_024, filesMax: 1 });
    for (let number = 0; number < 5; number++) log.write(line(number));
    await log.close();
    assertEquals(await numbersIn(folder), [[4]]);
  });
});

testWith(
  { read: true, write: true },
  "a missing folder is an error at the start; one that vanishes costs lines, and the log recovers",
  async () => {
    await withFolder(async (folder) => {
      const plan = { path: `${folder}/sub/log`, bytesMax: 1_024, filesMax: 2 };
      await assertRejects(() => new MetricsLog(plan).open(), ConfigError, "metricsLog");
      await Deno.mkdir(`${folder}/sub`);
      const log = new MetricsLog(plan);
      await log.open();
      await Deno.remove(`${folder}/sub`, { recursive: true });
      for (let number = 0; number < 3; number++) log.write(line(number)); // the third needs a new file
      await log.flush();
      assertEquals(log.linesLost, 1);
      assert(log.failure !== null);
      await Deno.mkdir(`${folder}/sub`);
      log.write(line(3));
      await log.close();
      assertEquals([log.failure, await numbersIn(`${folder}/sub`)], [null, [[3]]]);
    });
  },
);

testWith({ read: true, write: true }, "lines that wait for the disk are bounded, and the others counted", async () => {
  await withFolder(async (folder) => {
    const log = new MetricsLog({ path: `${folder}/log`, bytesMax: 1e9, filesMax: 1 });
    for (let number = 0; number < METRICS_LOG_LINES_WAITING_MAX + 10; number++) log.write(line(number));
    assert(log.failure?.includes("wait for the disk"));
    await log.close();
    const [numbers] = await numbersIn(folder);
    assertEquals(numbers.length + log.linesLost, METRICS_LOG_LINES_WAITING_MAX + 10);
    assert(log.linesLost > 0 && log.linesLost <= 10);
  });
});

Deno.test({
  name: "a missing permission names the flags and every file",
  permissions: { read: false, write: false },
  fn() {
    const make = (filesMax: number) => (): MetricsLog => new MetricsLog({ path: "a.log", bytesMax: 1_024, filesMax });
    assertThrows(make(1), ConfigError, "metricsLog: may not be written; run with --allow-write=a.log.");
    assertThrows(make(3), ConfigError, "--allow-write=a.log,a.log.1,a.log.2 --allow-read=a.log,a.log.1,a.log.2");
  },
});
