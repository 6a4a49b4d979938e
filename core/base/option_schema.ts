/**
 * The owner's options as data that a value can be checked against. Unknown keys are refused; every plain default stands here.
 *
 * @module
 */
import { z } from "zod";
import { ConfigError, describe } from "./errors.ts";
import * as limits from "./limits.ts";
import type { KernelOptions } from "./options.ts";

const MIB = 1024 * 1024;

/** An object that says which keys it knows when it is given another. */
function keyed<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = `no such option; known: ${Object.keys(shape).join(", ")}`;
  return z.strictObject(shape, { error: (issue) => issue.code === "unrecognized_keys" ? known : undefined });
}

const count = (least: number): z.ZodNumber => z.number().int().min(least);
const positiveMs = z.number().positive().max(limits.TIMER_MS_MAX);
const percent = z.number().positive().max(100);
const share = z.number().min(0).max(1);

const poolBounds = keyed({
  minSize: count(0),
  maxSize: count(1),
  scaleUpThreshold: share.optional(),
  scaleDownThreshold: share.optional(),
});

const networkProvider = keyed({ apiKey: z.string().min(1).optional(), baseUrl: z.url().optional(), model: z.string().min(1).optional() });
const providerNames = z.enum(["local", "anthropic", "openai"], {
  error: 'use "local", "anthropic", "openai", { anthropic: {…} }, { openai: {…} } or { process: [program, …] }',
});
const provider = z.union([
  providerNames,
  keyed({ anthropic: networkProvider }),
  keyed({ openai: networkProvider }),
  keyed({ process: z.array(z.string().min(1)).min(1), model: z.string().min(1).optional() }),
]);
const usd = z.number().min(0);

/** What stands under `executor`. */
const models = keyed({
  provider: provider.default("local"),
  model: z.string().min(1).optional(),
  models: z.record(z.string(), z.string().min(1)).default({}),
  providers: z.record(z.string().regex(/^[\w.-]+$/), provider).default({}),
  routes: z.array(keyed({
    agentType: z.string().optional(),
    model: z.string().optional(),
    charsMin: count(0).optional(),
    use: z.string().min(1),
  })).max(1_000).default([]),
  prices: z.record(z.string(), keyed({ inputUsdPerMillion: usd, outputUsdPerMillion: usd })).default({}),
  retries: count(0).max(100).default(limits.MODEL_RETRIES_MAX),
  pool: keyed({
    min: count(0).default(limits.POOL_CONNECTIONS_MIN),
    max: count(1).max(1_000).default(limits.POOL_CONNECTIONS_MAX),
    acquireTimeoutMs: positiveMs.default(limits.POOL_ACQUIRE_MS),
    idleTimeoutMs: positiveMs.default(limits.POOL_IDLE_MS),
  }).prefault({}),
  cache: keyed({ max: count(1).max(1_000_000).default(limits.RESULTS_CACHED_MAX), ttlMs: positiveMs.default(limits.RESULT_TTL_MS) })
    .prefault({}),
  record: z.string().min(1).optional(),
  replay: z.string().min(1).optional(),
});

const schema = keyed({
  threads: count(0).optional(),
  eventBusWorkers: count(1).default(8),
  affinity: z.union([z.boolean(), z.array(count(0)).min(1)]).default(false),
  maxConcurrentAgents: count(1).default(10_000),
  maxSpawnTimeMs: positiveMs.default(limits.SPAWN_P95_MS_MAX),
  maxCommunicationLatencyMs: positiveMs.default(limits.DELIVERY_P95_MS_MAX),
  sharedBufferSize: count(MIB).default(128 * MIB),
  messagePoolSize: count(limits.POOLED_MESSAGES_MIN).default(50_000),
  memoryStoreSize: count(MIB).default(64 * MIB),
  debug: z.boolean().default(false),
  inboxMessagesMax: count(1).default(limits.INBOX_MESSAGES_MAX),
  sendTimeoutMs: positiveMs.default(limits.SEND_TIMEOUT_MS),
  hangTimeoutMs: positiveMs.default(limits.HANG_TIMEOUT_MS),
  executorConcurrency: count(1).default(20),
  executor: models.prefault({}),
  agentPoolConfig: keyed({
    preWarmPools: z.record(z.string(), z.union([count(0), poolBounds])).default({}),
    dynamicScaling: z.boolean().default(true),
    scaleUpThreshold: share.default(0.8),
    scaleDownThreshold: share.default(0.3),
    cooldownMs: positiveMs.default(5_000),
  }).prefault({}),
  enablePerformanceMonitoring: z.boolean().default(true),
  performanceValidationInterval: positiveMs.min(limits.MONITOR_INTERVAL_MS_MIN).default(1_000),
  alertThresholds: keyed({
    spawnTimeP95: positiveMs.optional(),
    communicationLatencyP95: positiveMs.optional(),
    communicationLatencyP99: positiveMs.optional(),
    memoryUsagePercent: percent.default(limits.MEMORY_PERCENT_MAX),
    cpuUsagePercent: percent.default(80),
    errorRatePercent: percent.default(5),
  }).prefault({}),
  metricsLog: z.union([
    z.string().min(1),
    keyed({ path: z.string().min(1), bytesMax: count(1_024).optional(), filesMax: count(1).max(limits.METRICS_LOG_FILES_MAX).optional() }),
  ]).optional(),
  workflowJournal: z.string().min(1).optional(),
  native: z.union([z.boolean(), keyed({ library: z.string().min(1).optional() })]).default(true),
  persistence: keyed({
    path: z.string().min(1),
    mode: z.enum(["portable", "mapped"]).default("portable"),
    intervalMs: positiveMs.min(limits.PERSISTENCE_INTERVAL_MS_MIN).default(1_000),
  }).optional(),
});

/** Options of which each is right by itself, with the plain defaults. */
export type CheckedOptions = z.output<typeof schema>;

/** Checks each option by itself. Throws `ConfigError` that names the key, what was given and what is accepted. */
export function checkOptions(options: KernelOptions): CheckedOptions {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw configError(parsed.error.issues[0], options);
  return parsed.data;
}

function configError(issue: z.core.$ZodIssue, options: KernelOptions): ConfigError {
  const { path, deepest } = innermost(issue);
  if (deepest.code === "unrecognized_keys") return new ConfigError([...path, deepest.keys[0]].join("."), `${deepest.message}.`);
  let value: unknown = options;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return new ConfigError(path.join(".") || "options", `is ${describe(value)}; ${deepest.message}.`);
}

/** What is wrong within the alternative that was meant: the one that got further than "this is another kind of value". */
function innermost(issue: z.core.$ZodIssue): { path: PropertyKey[]; deepest: z.core.$ZodIssue } {
  if (issue.code !== "invalid_union") return { path: issue.path, deepest: issue };
  const meant = issue.errors.map((issues) => issues[0]).find((first) => first.code !== "invalid_type" || first.path.length > 0);
  if (meant === undefined) return { path: issue.path, deepest: issue };
  const inner = innermost(meant);
  return { path: [...issue.path, ...inner.path], deepest: inner.deepest };
}
