/**
 * Which processors belong together: the NUMA nodes of the machine, and how a kernel's threads are spread over them. Memory of another node takes up to
 * twice as long to reach, so the threads of a node share what they touch most: agents put `near` each other are on one thread anyway.
 *
 * @module
 */
import { ConfigError, KernelError } from "../base/errors.ts";
import type { CoreCalls } from "../memory/kernels.ts";

/** Processors that share a memory. */
export interface NumaNode {
  /** Its number in the system. */
  readonly id: number;
  /** Its processors. */
  readonly cpus: readonly number[];
}

/** What is known of the machine. */
export interface Topology {
  /** Nodes with processors, at least one. */
  readonly nodes: readonly NumaNode[];
  /** Why one node is taken for all, if the system could not be asked. */
  readonly assumed: string | null;
}

const FOLDER = "/sys/devices/system/node";
/** More than any machine has: a list of the system that names more is not believed. */
const CPUS_MAX = 8_192;

/** `0-3,8,10-11` → 0, 1, 2, 3, 8, 10, 11. Null for anything else. */
export function parseCpuList(text: string): number[] | null {
  const cpus = new Set<number>();
  for (const part of text.trim().split(",")) {
    if (part === "") continue;
    const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (range === null) return null;
    const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (last < first || last >= CPUS_MAX) return null;
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}

/** The nodes as the system's files tell them; `read` gives the text of one, or throws. Nodes without a processor (memory alone) are left out. */
export function topologyFrom(read: (file: string) => string, cores: number): Topology {
  const oneNode = (assumed: string): Topology => ({
    nodes: [{ id: 0, cpus: Array.from({ length: cores }, (_unused, cpu) => cpu) }],
    assumed,
  });
  try {
    const nodes = parseCpuList(read("online"))?.map((id): NumaNode | null => {
      const cpus = parseCpuList(read(`node${id}/cpulist`));
      return cpus === null ? null : { id, cpus };
    });
    if (nodes === undefined || nodes.includes(null)) return oneNode("what the system says of its nodes could not be understood");
    const withCpus = (nodes as NumaNode[]).filter(({ cpus }) => cpus.length > 0);
    return withCpus.length > 0 ? { nodes: withCpus, assumed: null } : oneNode("the system names no node with a processor");
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return oneNode("needs --allow-all to read the system's nodes");
    return oneNode(error instanceof Deno.errors.NotFound ? "the system tells of no nodes" : String(error));
  }
}

/** This machine's nodes, as far as the permissions reach; nothing is asked for. */
export function readTopology(cores: number): Topology {
  return topologyFrom((file) => {
    // Asked first: on a terminal the runtime would prompt.
    const path = `${FOLDER}/${file}`;
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") throw new Deno.errors.NotCapable();
    return Deno.readTextFileSync(path);
  }, cores);
}

/**
 * Processors of each of `threads` threads. Of several nodes each thread gets one whole node, the nodes filled in proportion to their processors; of one node,
 * a processor each, from the second on, because the main thread usually runs on the first. With more threads than processors they share.
 */
export function spreadThreads(threads: number, { nodes }: Pick<Topology, "nodes">): number[][] {
  if (nodes.length === 1) {
    const { cpus } = nodes[0];
    return Array.from({ length: threads }, (_unused, thread) => [cpus[(thread + 1) % cpus.length]]);
  }
  const taken = nodes.map(() => 0);
  return Array.from({ length: threads }, () => {
    let next = 0;
    for (let node = 1; node < nodes.length; node++) {
      const difference = (taken[node] + 1) * nodes[next].cpus.length - (taken[next] + 1) * nodes[node].cpus.length;
      if (difference < 0 || (difference === 0 && taken[node] < taken[next])) next = node;
    }
    taken[next]++;
    return [...nodes[next].cpus];
  });
}

/** Starts a thread where it is to run. */
export type StartAt = <Started>(host: number, start: () => Started) => Started;

/** Where the worker threads of a kernel run. */
export interface Placement {
  /** NUMA nodes with processors. */
  readonly nodes: number;
  /** Why one node is taken for all, if the system could not be asked. */
  readonly assumed: string | null;
  /** Processors of each thread, 1 and up; null: where the system puts them. */
  readonly affinity: readonly (readonly number[])[] | null;
}

/** What the option `affinity` comes to for so many threads. `allowed`: the processors of this process, if they are known. */
export function placeThreads(
  affinity: boolean | readonly number[],
  threads: number,
  topology: Topology,
  allowed: readonly number[] | null = null,
): Placement {
  const nodes = topology.nodes.map(({ id, cpus }) => ({ id, cpus: cpus.filter((cpu) => allowed?.includes(cpu) ?? true) }))
    .filter(({ cpus }) => cpus.length > 0);
  const placed = { nodes: nodes.length, assumed: topology.assumed };
  if (affinity === false || threads === 0) return { ...placed, affinity: null };
  if (affinity === true) return { ...placed, affinity: spreadThreads(threads, { nodes }) };
  const known = nodes.flatMap(({ cpus }) => cpus);
  const unknown = affinity.find((cpu) => !known.includes(cpu));
  if (unknown !== undefined) {
    throw new ConfigError("affinity", `names processor ${unknown}; this process may run on ${known.join(", ")}.`, { processors: known });
  }
  return { ...placed, affinity: Array.from({ length: threads }, (_unused, thread) => [affinity[thread % affinity.length]]) };
}

/**
 * Starts each thread on its processors: a thread inherits those of the one that starts it, so this one goes there for as long and then comes back. No
 * worker needs a permission for it. A thread that takes a dead one's place has an index of its own and goes where its turn is.
 */
export function pinnedStart({ affinity }: Placement, cores: CoreCalls | null): StartAt {
  if (affinity === null) return (_host, start) => start();
  if (cores === null) throw affinityUnavailable();
  return (host, start) => {
    const before = cores.get();
    cores.set(affinity[(host - 1) % affinity.length]);
    try {
      return start();
    } finally {
      cores.set(before);
    }
  };
}

function affinityUnavailable(): KernelError {
  return new KernelError(
    "AFFINITY_UNAVAILABLE",
    "affinity is set, and this kernel cannot keep threads to processors: that takes Linux, the native library and the permission to load it. Leave the option out, or see `native` in getSystemStatus().",
  );
}
