import { assert, assertEquals } from "@std/assert";
import { carries, lookAtProcesses, parseTable, startedAtMs, treeOf } from "../../core/processes/process_table.ts";
import { testWith } from "../support/permissions.ts";

const stat = (pid: number, parent: number, group: number, state = "S", name = "sh") =>
  `${pid} (${name}) ${state} ${parent} ${group} ${group} 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 5000 0 0`;
const TEXT = [
  "100.50 20.00",
  stat(10, 1, 10),
  stat(11, 10, 10, "R", "a) S 1 (b"),
  stat(12, 11, 12),
  stat(13, 1, 13),
  stat(14, 1, 10, "Z"),
  "",
  "/proc/11/io:rchar: 70\n/proc/11/io:wchar: 30",
  "",
  "/proc/13/environ:SWARM_ATTEMPT=r-1/c-1\n/proc/12/environ:SWARM_ATTEMPT=r-1/c-1 r-2/c-2",
].join("\n");

Deno.test("a look is understood, also with a name that looks like fields", () => {
  const table = parseTable(TEXT);
  assertEquals([...table.processes.keys()], [10, 11, 12, 13, 14]);
  assertEquals(table.processes.get(11), {
    ...{ pid: 11, parent: 10, group: 10, session: 10, ended: false, startTicks: 5_000, cpuTicks: 10, movedBytes: 100, marker: "" },
  });
  assertEquals([table.processes.get(14)!.ended, table.uptimeSeconds], [true, 100.5]);
  assertEquals(startedAtMs(table, table.processes.get(10)!, 1_000_000), 1_000_000 - 50_500);
});

Deno.test("a tree is group, descendants and whatever carries the marker", () => {
  const pids = (leader: number, marker: string) => treeOf(parseTable(TEXT), leader, marker).map(({ pid }) => pid).sort();
  assertEquals(pids(10, ""), [10, 11, 12, 14]);
  assertEquals(pids(10, "r-1/c-1"), [10, 11, 12, 13, 14]);
  assertEquals(pids(13, ""), [13]);
  assertEquals([carries("a b", "a"), carries("a", "a"), carries("ab", "a"), carries("", "a")], [true, true, false, false]);
});

testWith({ run: true }, "a real process is seen with its group, its work and its marker", async () => {
  if (Deno.build.os !== "linux") return;
  const command = new Deno.Command("sh", {
    args: ["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo ready; read line"],
    ...{ env: { SWARM_ATTEMPT: "table-test/1" }, stdin: "piped", stdout: "piped", detached: true },
  });
  const child = command.spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const before = Date.now();
  const table = (await lookAtProcesses())!;
  const entry = table.processes.get(child.pid)!;
  assertEquals([entry.group, entry.session, entry.marker, entry.ended], [child.pid, child.pid, "table-test/1", false]);
  assert(entry.cpuTicks > 0 && entry.movedBytes > 0, JSON.stringify(entry));
  assert(Math.abs(startedAtMs(table, entry, Date.now()) - before) < 10_000);
  await child.stdin.close();
  await child.status;
  await reader.cancel();
});
