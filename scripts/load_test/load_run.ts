/**
 * One scenario of the load test: its rounds in closed loop until the document's total has been delivered, then the document's rate in open loop, and
 * what was there before and after.
 *
 * @module
 */
import type { MemoryReport } from "../../core/memory/inspection.ts";
import { type Percentiles, percentilesOf } from "../../core/validation/result.ts";
import { processorMs, residentBytes } from "../../core/metrics/system_usage.ts";
import type { Mesh } from "./mesh.ts";
import { type LoadPlan, messagesOf } from "./plans.ts";

/** What one of the two loops came to. */
export interface LoopResult {
  /** Messages that were to be sent. */
  readonly scheduled: number;
  /** Taken by the kernel. */
  readonly sent: number;
  /** Counted by their receivers. */
  readonly delivered: number;
  /** Refused by the kernel. */
  readonly refused: number;
  /** Had to wait for room. */
  readonly blocked: number;
  /** Delivered, but not as they were sent. */
  readonly damaged: number;
  /** Delivered after a later one of the same sender. */
  readonly disordered: number;
  /** To another thread. */
  readonly crossThread: number;
  /** From the first send to the last handler, of each round. */
  readonly durationMs: number;
  /** Delivered ones a second. */
  readonly messagesPerSecond: number;
  /** From the send, in open loop from the instant at which it was due, to the handler's first line. */
  readonly latency: Percentiles;
  /** Open loop: how late messages were sent. */
  readonly lag: Percentiles;
  /** Longest time without a delivery while something was on its way. */
  readonly standstillMs: number;
  /** Age of the oldest message when it was handled; null when one never was. */
  readonly oldestMessageMs: number | null;
  /** Processor time of the whole process for each message, load generation included. */
  readonly cpuUsPerMessage: number | null;
}

/** What is there at one moment. */
export interface Holdings {
  /** Agent slots not free. */
  readonly slots: number;
  /** Bytes in rings. */
  readonly ringBytes: number;
  /** Slabs in use. */
  readonly slabs: number;
  /** Resident memory of the process. */
  readonly rssBytes: number;
}

/** What was measured of a scenario. */
export interface LoadMeasured {
  /** The scenario. */
  readonly plan: LoadPlan;
  /** Members alive when all had been sent. */
  readonly agentsAlive: number;
  /** The document's total, as fast as the window allows. */
  readonly closed: LoopResult;
  /** At the document's rate. */
  readonly open: LoopResult;
  /** Before the members, after the warm-up. */
  readonly before: Holdings;
  /** After the members. */
  readonly after: Holdings;
  /** Threads that died. */
  readonly hostsDied: number;
  /** Handlers that threw and agents that were lost. */
  readonly agentsFailed: number;
}

/** Hears how many messages have been delivered, of how many. */
export type TellProgress = (phase: string, delivered: number, total: number) => void;

/** Lengths of the parts that the document does not give. */
export interface RunLengths {
  /** Most of the open loop. */
  readonly openLoopMsMax: number;
  /** Rounds that are sent first and not counted. */
  readonly warmUpRounds: number;
  /** Fewest messages of them, where there are any. */
  readonly warmUpMessagesMin: number;
}

/** See the module. */
export async function runLoad(mesh: Mesh, plan: LoadPlan, lengths: RunLengths, tell: TellProgress): Promise<LoadMeasured> {
  const total = messagesOf(plan);
  await warmUp(mesh, plan, lengths, tell);
  const troublesBefore = mesh.troubles;
  const before = holdings(mesh);
  await mesh.populate(plan);
  const closed = await closedLoop(mesh, plan, (delivered) => tell("closed loop", delivered, total));
  const agentsAlive = mesh.membersAlive;
  await mesh.populate(plan);
  const { messagesPerSecond } = plan.document;
  const messages = Math.max(1, Math.min(total, Math.floor(messagesPerSecond * lengths.openLoopMsMax / 1_000)));
  const open = await openLoop(mesh, messagesPerSecond, messages, (delivered) => tell("open loop", delivered, messages));
  await mesh.disband();
  const { hostsDied, agentsFailed } = mesh.troubles;
  return {
    ...{ plan, agentsAlive, closed, open, before, after: holdings(mesh) },
    ...{ hostsDied: hostsDied - troublesBefore.hostsDied, agentsFailed: agentsFailed - troublesBefore.agentsFailed },
  };
}

/** Compiles the paths of this shape and touches its memory, so that neither is timed nor taken for a leak. */
async function warmUp(mesh: Mesh, plan: LoadPlan, { warmUpRounds, warmUpMessagesMin }: RunLengths, tell: TellProgress): Promise<void> {
  if (warmUpRounds === 0) return;
  await mesh.populate(plan);
  const each = Math.ceil(Math.max(warmUpMessagesMin / plan.agents, plan.messagesPerAgent * warmUpRounds));
  await mesh.round(each, each * plan.agents, () => tell("warm-up", mesh.ledger.sum("delivered"), each * plan.agents));
  await mesh.disband();
}

async function closedLoop(mesh: Mesh, plan: LoadPlan, onLook: (delivered: number) => void): Promise<LoopResult> {
  const cpuBefore = processorMs();
  const each = plan.agents * plan.messagesPerAgent;
  let durationMs = 0;
  let standstillMs = 0;
  for (let round = 1; round <= plan.rounds; round++) {
    const waited = await mesh.round(plan.messagesPerAgent, round * each, () => onLook(mesh.ledger.sum("delivered")));
    durationMs += waited.durationMs;
    standstillMs = Math.max(standstillMs, waited.standstillMs);
    if (!waited.complete) break; // what is missing will not come, and would only be missing again
  }
  return loopResult(mesh, { scheduled: messagesOf(plan), durationMs, standstillMs, cpuMs: processorMs() - cpuBefore });
}

async function openLoop(mesh: Mesh, rate: number, scheduled: number, onLook: (delivered: number) => void): Promise<LoopResult> {
  const cpuBefore = processorMs();
  const { durationMs, standstillMs } = await mesh.openLoop(rate, scheduled, () => onLook(mesh.ledger.sum("delivered")));
  return loopResult(mesh, { scheduled, durationMs, standstillMs, cpuMs: processorMs() - cpuBefore });
}

interface LoopFacts {
  readonly scheduled: number;
  readonly durationMs: number;
  readonly standstillMs: number;
  readonly cpuMs: number;
}

function loopResult({ ledger }: Mesh, { scheduled, durationMs, standstillMs, cpuMs }: LoopFacts): LoopResult {
  const delivered = ledger.sum("delivered");
  const latency = percentilesOf(ledger.merged("latency"));
  return {
    ...{ scheduled, sent: ledger.sum("sent"), delivered, refused: ledger.sum("refused"), blocked: ledger.sum("blocked") },
    ...{ damaged: ledger.sum("damaged"), disordered: ledger.sum("disordered"), crossThread: ledger.sum("sentElsewhere") },
    ...{ durationMs, messagesPerSecond: durationMs > 0 ? delivered / durationMs * 1_000 : 0 },
    ...{ latency, lag: percentilesOf(ledger.merged("lag")), standstillMs },
    oldestMessageMs: delivered >= scheduled ? latency.max : null,
    cpuUsPerMessage: delivered > 0 ? cpuMs * 1_000 / delivered : null,
  };
}

/** What is there now. */
export function holdings({ manager }: Mesh): Holdings {
  const { slotsInUse: slots, ringBytesInUse: ringBytes, slabsInUse: slabs }: MemoryReport = manager.inspectMemory();
  return { slots, ringBytes, slabs, rssBytes: residentBytes() };
}
