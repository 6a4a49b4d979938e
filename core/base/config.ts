/**
 * What an operator may set, in the words of the owner's document, and the inner names with units that come of it. Unknown keys are refused.
 *
 * @module
 */
import { z } from "zod";
import { ConfigError, describe } from "./errors.ts";
import { HANG_TIMEOUT_MS, INBOX_MESSAGES_MAX, SEND_TIMEOUT_MS } from "./limits.ts";

const MIB = 1024 * 1024;

const count = (least: number): z.ZodNumber => z.number().int().min(least);
const positiveMs = z.number().positive().max(2 ** 31 - 1);

const schema = z.strictObject({
  threads: count(0).optional(),
  eventBusWorkers: count(1).default(8),
  maxConcurrentAgents: count(1).default(10_000),
  sharedBufferSize: count(MIB).default(128 * MIB),
  memoryStoreSize: count(MIB).default(64 * MIB),
  inboxMessagesMax: count(1).default(INBOX_MESSAGES_MAX),
  sendTimeoutMs: positiveMs.default(SEND_TIMEOUT_MS),
  hangTimeoutMs: positiveMs.default(HANG_TIMEOUT_MS),
  agentPoolConfig: z.strictObject({ preWarmPools: z.record(z.string(), count(0)).default({}) }).default({ preWarmPools: {} }),
});

/** Options of a manager that are plain data. */
export interface KernelOptions {
  /** Worker threads; 0 means that agents live on the main thread. Default: min(eventBusWorkers, cores − 1), at least 1. */
  threads?: number;
  /** Upper bound of the default of `threads`. Default 8. */
  eventBusWorkers?: number;
  /** Agents alive at a time, warm ones not counted. Default 10,000. */
  maxConcurrentAgents?: number;
  /** Bytes of shared memory for queues, agent states, metrics and large payloads. Default 128 MiB. */
  sharedBufferSize?: number;
  /** Bytes of shared memory for the store. Default 64 MiB. */
  memoryStoreSize?: number;
  /** Messages that may wait for one busy agent. Default 1,024. */
  inboxMessagesMax?: number;
  /** A send waits so long for room. Default 5,000. */
  sendTimeoutMs?: number;
  /** A thread that has not turned for so long is given up. Default 2,000. */
  hangTimeoutMs?: number;
  /** Warm instances by agent type. */
  agentPoolConfig?: { preWarmPools?: Record<string, number> };
}

/** The same, checked, with every default filled in. */
export interface KernelConfig {
  /** Worker threads. */
  readonly threads: number;
  /** Bound of living agents. */
  readonly agentsMax: number;
  /** Bytes. */
  readonly sharedBufferBytes: number;
  /** Bytes. */
  readonly storeBytes: number;
  /** Bound of an inbox. */
  readonly inboxMessagesMax: number;
  /** Wait for room. */
  readonly sendTimeoutMs: number;
  /** Patience with a silent thread. */
  readonly hangTimeoutMs: number;
  /** Warm instances by type. */
  readonly warmPools: Readonly<Record<string, number>>;
}

/** Checks options and fills in defaults. Throws `ConfigError` that names the key, what was given and what is accepted. */
export function parseConfig(options: KernelOptions, cores: number): KernelConfig {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw configError(parsed.error.issues[0], options);
  const given = parsed.data;
  return {
    threads: given.threads ?? Math.max(1, Math.min(given.eventBusWorkers, cores - 1)),
    agentsMax: given.maxConcurrentAgents,
    sharedBufferBytes: given.sharedBufferSize,
    storeBytes: given.memoryStoreSize,
    inboxMessagesMax: given.inboxMessagesMax,
    sendTimeoutMs: given.sendTimeoutMs,
    hangTimeoutMs: given.hangTimeoutMs,
    warmPools: given.agentPoolConfig.preWarmPools,
  };
}

function configError(issue: z.core.$ZodIssue, options: KernelOptions): ConfigError {
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(schema.shape).join(", ");
    return new ConfigError([...issue.path, issue.keys[0]].join("."), `no such option; known: behaviors, ${known}.`);
  }
  let value: unknown = options;
  for (const key of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return new ConfigError(issue.path.join(".") || "options", `is ${describe(value)}; ${issue.message}.`);
}
