import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parseCpuList, pinnedStart, placeThreads, readTopology, spreadThreads, topologyFrom } from "../../core/agents/numa.ts";
import { ConfigError, KernelError } from "../../core/base/errors.ts";

/** The system's files of a machine. */
function tree(files: Record<string, string>): (file: string) => string {
  return (file) => {
    if (!Object.hasOwn(files, file)) throw new Deno.errors.NotFound();
    return files[file];
  };
}

const TWO_SOCKETS = tree({ "online": "0-1\n", "node0/cpulist": "0-3,8-11\n", "node1/cpulist": "4-7,12-15\n" });
const UNEVEN = tree({ "online": "0,2\n", "node0/cpulist": "0-5\n", "node2/cpulist": "6-7\n" });

Deno.test("a list of processors is read as the system writes it, and nothing else is", () => {
  assertEquals(parseCpuList("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
  assertEquals(parseCpuList("\n"), []);
  for (const text of ["a", "3-1", "1--2", "0-99999", "0;1", "-1"]) assertEquals(parseCpuList(text), null, text);
});

Deno.test("nodes are read from the system's files", () => {
  assertEquals(topologyFrom(TWO_SOCKETS, 16), {
    nodes: [{ id: 0, cpus: [0, 1, 2, 3, 8, 9, 10, 11] }, { id: 1, cpus: [4, 5, 6, 7, 12, 13, 14, 15] }],
    assumed: null,
  });
  const withMemoryAlone = tree({ "online": "0-1", "node0/cpulist": "0-1", "node1/cpulist": "" });
  assertEquals(topologyFrom(withMemoryAlone, 2), { nodes: [{ id: 0, cpus: [0, 1] }], assumed: null });
});

Deno.test("one node is assumed, and said so, where the system does not tell", () => {
  const all = [{ id: 0, cpus: [0, 1, 2] }];
  assertEquals(topologyFrom(tree({}), 3), { nodes: all, assumed: "the system tells of no nodes" });
  assertEquals(topologyFrom(tree({ online: "?" }), 3), {
    nodes: all,
    assumed: "what the system says of its nodes could not be understood",
  });
  assertEquals(topologyFrom(tree({ "online": "0", "node0/cpulist": "zero" }), 3).nodes, all);
  assertEquals(topologyFrom(tree({ "online": "0", "node0/cpulist": "" }), 3).assumed, "the system names no node with a processor");
  const forbidden = (): string => {
    throw new Deno.errors.NotCapable();
  };
  assertEquals(topologyFrom(forbidden, 3), { nodes: all, assumed: "needs --allow-all to read the system's nodes" });
});

Deno.test("this machine has at least one node, whatever may be read", () => {
  const { nodes } = readTopology(2);
  assertEquals(nodes.every(({ cpus }) => cpus.length > 0), true);
  assertEquals(nodes.length >= 1, true);
});

Deno.test("threads are spread over the nodes in proportion to their processors", () => {
  const two = topologyFrom(TWO_SOCKETS, 16);
  assertEquals(spreadThreads(3, two), [two.nodes[0].cpus, two.nodes[1].cpus, two.nodes[0].cpus].map((cpus) => [...cpus]));
  const uneven = topologyFrom(UNEVEN, 8);
  const large = spreadThreads(8, uneven).filter((cpus) => cpus.length === 6).length;
  assertEquals(large, 6);
  assertEquals(spreadThreads(3, { nodes: [{ id: 0, cpus: [0, 1] }] }), [[1], [0], [1]]);
});

Deno.test("no thread would have more processors to itself on another node", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 2, maxLength: 8 });
  fc.assert(fc.property(sizes, fc.integer({ min: 0, max: 63 }), (counts, threads) => {
    let first = 0;
    const nodes = counts.map((count, id) => ({ id, cpus: Array.from({ length: count }, () => first++) }));
    const placed = spreadThreads(threads, { nodes });
    const taken = nodes.map(({ cpus }) => placed.filter((one) => one[0] === cpus[0]).length);
    assertEquals(taken.reduce((sum, one) => sum + one, 0), threads);
    for (const [here, on] of taken.entries()) {
      for (const [there, other] of taken.entries()) {
        // Compared as products, for quotients would not be exact.
        if (on > 0 && on * counts[there] > (other + 1) * counts[here]) throw new Error(`${taken} threads on ${counts} processors`);
      }
    }
  }));
});

Deno.test("affinity is off, the nodes', or the processors that were named; an unknown one is refused", () => {
  const two = topologyFrom(TWO_SOCKETS, 16);
  assertEquals(placeThreads(false, 2, two), { nodes: 2, assumed: null, affinity: null });
  assertEquals(placeThreads(true, 2, two).affinity, spreadThreads(2, two));
  assertEquals(placeThreads([5, 9], 3, two).affinity, [[5], [9], [5]]);
  assertThrows(() => placeThreads([16], 1, two), ConfigError, "affinity: names processor 16");
});

Deno.test("a process that may not run everywhere spreads its threads over what it has", () => {
  const two = topologyFrom(TWO_SOCKETS, 16);
  assertEquals(placeThreads(true, 2, two, [0, 1, 4]).affinity, [[0, 1], [4]]);
  assertEquals(placeThreads(true, 2, two, [4, 5]), { nodes: 1, assumed: null, affinity: [[5], [4]] });
  assertThrows(() => placeThreads([0], 1, two, [4, 5]), ConfigError, "may run on 4, 5");
});

Deno.test("a thread is started on its processors, and the starter comes back, also when that fails", () => {
  const set: number[][] = [];
  const cores = { get: () => [0, 1, 2, 3], set: (wanted: readonly number[]) => void set.push([...wanted]) };
  const start = pinnedStart({ nodes: 1, assumed: null, affinity: [[2], [3]] }, cores);
  assertEquals([1, 2, 3].map((host) => start(host, () => set.at(-1))), [[2], [3], [2]]);
  assertEquals(set, [[2], [0, 1, 2, 3], [3], [0, 1, 2, 3], [2], [0, 1, 2, 3]]);
  const failing = (): void => {
    throw new Error("no thread");
  };
  assertThrows(() => start(1, failing), Error, "no thread");
  assertEquals(set.at(-1), [0, 1, 2, 3]);
});

Deno.test("without what keeps threads to processors, affinity is refused and the rest is left alone", () => {
  const start = pinnedStart({ nodes: 1, assumed: null, affinity: null }, null);
  assertEquals(start(1, () => "started"), "started");
  const error = assertThrows(() => pinnedStart({ nodes: 1, assumed: null, affinity: [[0]] }, null), KernelError);
  assertEquals(error.code, "AFFINITY_UNAVAILABLE");
});
