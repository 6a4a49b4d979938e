/**
 * The configuration as the kernel's rooms see it: inner names with units, made of the owner's options and whatever follows from several of them.
 *
 * @module
 */
import { ConfigError } from "./errors.ts";
import { METRICS_LOG_BYTES, METRICS_LOG_FILES, POOL_EVICTION_MS, POOL_GROWTH_MAX } from "./limits.ts";
import { type CheckedOptions, checkOptions } from "./option_schema.ts";
import type { KernelOptions, ModelPrice, ModelRoute } from "./options.ts";

/** Bounds of one warm pool. */
export interface WarmPoolPlan {
  /** Kept ready at least; the size that it starts with. */
  readonly sizeMin: number;
  /** Kept ready at most. */
  readonly sizeMax: number;
  /** Share of the pool that must have been wanted at once to make it grow. */
  readonly growAtShare: number;
  /** Share of the pool at or below which it shrinks. */
  readonly shrinkAtShare: number;
  /** Between two changes; also the window in which use is seen. */
  readonly cooldownMs: number;
  /** Whether it grows and shrinks at all. */
  readonly dynamic: boolean;
}

/** What a kernel is to keep to; judged by `PerformanceValidator`. */
export interface PerformanceTargets {
  /** 95th percentile of spawning stays below. */
  readonly spawnP95Ms: number;
  /** 95th percentile of delivery stays below. */
  readonly deliveryP95Ms: number;
  /** So many agents have been alive at once. */
  readonly agents: number;
  /** Resident memory stays below, in percent of the budget. */
  readonly memoryPercent: number;
  /** Processor time stays below, in percent of all cores. */
  readonly cpuPercent: number;
}

/** Thresholds of the alerts. */
export interface AlertLevels {
  /** 95th percentile of spawning. */
  readonly spawnP95Ms: number;
  /** 95th percentile of delivery. */
  readonly deliveryP95Ms: number;
  /** 99th percentile of delivery. */
  readonly deliveryP99Ms: number;
  /** Of the memory budget. */
  readonly memoryPercent: number;
  /** Of all cores. */
  readonly cpuPercent: number;
  /** Of all handlers entered. */
  readonly errorPercent: number;
}

/** Where JSON lines go, and how much of them is kept. */
export interface MetricsLogPlan {
  /** The newest file. */
  readonly path: string;
  /** Bound of one file. */
  readonly bytesMax: number;
  /** Bound of the files, the newest included. */
  readonly filesMax: number;
}

/** What looks after the figures. */
export interface MonitoringPlan {
  /** Whether it does at all. */
  readonly enabled: boolean;
  /** Between two looks. */
  readonly intervalMs: number;
  /** When alerts are raised. */
  readonly alerts: AlertLevels;
  /** The log, if one is wanted. */
  readonly log: MetricsLogPlan | null;
}

/** Which loops may run in a native library. */
export interface NativePlan {
  /** False: none is looked for. */
  readonly enabled: boolean;
  /** The file that it must be; null: wherever it is found. */
  readonly library: string | null;
}

/** Where state is kept. */
export interface PersistencePlan {
  /** The file. */
  readonly path: string;
  /** How. */
  readonly mode: "portable" | "mapped";
  /** Between two flushes. */
  readonly intervalMs: number;
}

/** A provider of models. */
export interface ProviderPlan {
  /** As results, errors and `name:model` name it. */
  readonly name: string;
  /** How it is spoken to. */
  readonly kind: "local" | "anthropic" | "openai" | "process";
  /** Of a `process`. */
  readonly command?: readonly string[];
  /** Asked when nothing names a model. */
  readonly model?: string;
  /** Instead of the environment's. */
  readonly apiKey?: string;
  /** Instead of the provider's own. */
  readonly baseUrl?: string;
}

/** Which models do tasks and answer agents. */
export interface ModelPlan {
  /** The first is the default one. */
  readonly providers: readonly ProviderPlan[];
  /** Models by agent type. */
  readonly models: Readonly<Record<string, string>>;
  /** Rules of routing. */
  readonly routes: readonly ModelRoute[];
  /** Prices that go before the table's. */
  readonly prices: Readonly<Record<string, ModelPrice>>;
  /** Tries after a failed first one. */
  readonly retriesMax: number;
  /** Connections to each provider. */
  readonly pool: {
    readonly min: number;
    readonly max: number;
    readonly acquireTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly evictionIntervalMs: number;
  };
  /** Results of tasks. */
  readonly cache: { readonly max: number; readonly ttlMs: number };
  /** Answers written to a folder, or taken from it. */
  readonly recording: { readonly mode: "record" | "replay"; readonly folder: string } | null;
}

/** All options, checked, with every default filled in. */
export interface KernelConfig {
  /** Worker threads. */
  readonly threads: number;
  /** Where worker threads run; see `KernelOptions`. */
  readonly affinity: boolean | readonly number[];
  /** Bound of living agents. */
  readonly agentsMax: number;
  /** Bytes. */
  readonly sharedBufferBytes: number;
  /** Bound of the slabs, and of the dead letters kept by all threads together. */
  readonly pooledMessagesMax: number;
  /** Bytes. */
  readonly storeBytes: number;
  /** Whether bytes on loan are poisoned when the loan ends. */
  readonly debug: boolean;
  /** Bound of an inbox. */
  readonly inboxMessagesMax: number;
  /** Wait for room. */
  readonly sendTimeoutMs: number;
  /** Patience with a silent thread. */
  readonly hangTimeoutMs: number;
  /** Bound of the executor's running tasks. */
  readonly executorConcurrency: number;
  /** Who is asked for what. */
  readonly models: ModelPlan;
  /** Warm pools by type. */
  readonly warmPools: Readonly<Record<string, WarmPoolPlan>>;
  /** What is to be kept to. */
  readonly targets: PerformanceTargets;
  /** What looks after it. */
  readonly monitoring: MonitoringPlan;
  /** File of the workflows' journal; null for none. */
  readonly workflowJournal: string | null;
  /** Native loops. */
  readonly native: NativePlan;
  /** Where state is kept, if it is. */
  readonly persistence: PersistencePlan | null;
}

/** Checks options and fills in defaults. Throws `ConfigError` that names the key, what was given and what is accepted. */
export function parseConfig(options: KernelOptions, cores: number): KernelConfig {
  const given = checkOptions(options);
  return {
    threads: given.threads ?? Math.max(1, Math.min(given.eventBusWorkers, cores - 1)),
    affinity: given.affinity,
    agentsMax: given.maxConcurrentAgents,
    sharedBufferBytes: given.sharedBufferSize,
    pooledMessagesMax: given.messagePoolSize,
    storeBytes: given.memoryStoreSize,
    debug: given.debug,
    inboxMessagesMax: given.inboxMessagesMax,
    sendTimeoutMs: given.sendTimeoutMs,
    hangTimeoutMs: given.hangTimeoutMs,
    executorConcurrency: given.executorConcurrency,
    models: modelPlan(given.executor),
    warmPools: poolPlans(given.agentPoolConfig),
    targets: {
      spawnP95Ms: given.maxSpawnTimeMs,
      deliveryP95Ms: given.maxCommunicationLatencyMs,
      agents: given.maxConcurrentAgents,
      memoryPercent: given.alertThresholds.memoryUsagePercent,
      cpuPercent: given.alertThresholds.cpuUsagePercent,
    },
    monitoring: monitoringPlan(given),
    workflowJournal: given.workflowJournal ?? null,
    native: typeof given.native === "boolean"
      ? { enabled: given.native, library: null }
      : { enabled: true, library: given.native.library ?? null },
    persistence: given.persistence ?? null,
  };
}

function modelPlan(
  { provider, model, providers, models, routes, prices, retries, pool, cache, record, replay }: CheckedOptions["executor"],
): ModelPlan {
  const standard = providerPlan(undefined, provider);
  const plans = [
    { ...standard, model: model ?? standard.model },
    ...Object.entries(providers).map(([name, choice]) => providerPlan(name, choice)),
  ];
  const twice = plans.find(({ name }, index) => plans.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) {
    throw new ConfigError(`executor.providers.${twice.name}`, "is the name of the default provider; choose another.");
  }
  if (record !== undefined && replay !== undefined) {
    throw new ConfigError("executor.replay", "is set together with executor.record; leave one of them out.");
  }
  if (pool.min > pool.max) throw new ConfigError("executor.pool.min", `is ${pool.min}; at most max (${pool.max}) is accepted.`);
  const folder = record ?? replay;
  return {
    ...{ providers: plans, models, routes, prices, retriesMax: retries, cache },
    pool: { ...pool, evictionIntervalMs: Math.min(POOL_EVICTION_MS, pool.idleTimeoutMs) },
    recording: folder === undefined ? null : { mode: record === undefined ? "replay" : "record", folder },
  };
}

function providerPlan(name: string | undefined, choice: CheckedOptions["executor"]["provider"]): ProviderPlan {
  if (typeof choice === "string") return { name: name ?? choice, kind: choice };
  if ("process" in choice) return { name: name ?? "process", kind: "process", command: choice.process, model: choice.model };
  if ("anthropic" in choice) return { name: name ?? "anthropic", kind: "anthropic", ...choice.anthropic };
  return { name: name ?? "openai", kind: "openai", ...choice.openai };
}

function poolPlans(given: CheckedOptions["agentPoolConfig"]): Record<string, WarmPoolPlan> {
  const plans = Object.create(null) as Record<string, WarmPoolPlan>; // a type may be called as it likes
  for (const [type, pool] of Object.entries(given.preWarmPools)) {
    const bounds = typeof pool === "number" ? { minSize: pool, maxSize: Math.max(1, pool * POOL_GROWTH_MAX) } : pool;
    const plan: WarmPoolPlan = {
      sizeMin: bounds.minSize,
      sizeMax: bounds.maxSize,
      growAtShare: bounds.scaleUpThreshold ?? given.scaleUpThreshold,
      shrinkAtShare: bounds.scaleDownThreshold ?? given.scaleDownThreshold,
      cooldownMs: given.cooldownMs,
      // A plain 0 asks for no pool; one that may start empty and grow is written `{ minSize: 0, maxSize: … }`.
      dynamic: given.dynamicScaling && pool !== 0,
    };
    const path = `agentPoolConfig.preWarmPools.${type}`;
    if (plan.sizeMin > plan.sizeMax) {
      throw new ConfigError(`${path}.minSize`, `is ${plan.sizeMin}; at most maxSize (${plan.sizeMax}) is accepted.`);
    }
    checkThresholds(path, plan);
    plans[type] = plan;
  }
  checkThresholds("agentPoolConfig", { growAtShare: given.scaleUpThreshold, shrinkAtShare: given.scaleDownThreshold });
  return plans;
}

/** Were they equal, a pool could grow and shrink in turn for ever. */
function checkThresholds(path: string, { growAtShare, shrinkAtShare }: Pick<WarmPoolPlan, "growAtShare" | "shrinkAtShare">): void {
  if (shrinkAtShare < growAtShare) return;
  throw new ConfigError(`${path}.scaleDownThreshold`, `is ${shrinkAtShare}; it must be below scaleUpThreshold (${growAtShare}).`);
}

function monitoringPlan(given: CheckedOptions): MonitoringPlan {
  const { alertThresholds: alerts, metricsLog, maxCommunicationLatencyMs: deliveryMs } = given;
  const log = typeof metricsLog === "string" ? { path: metricsLog } : metricsLog;
  if (log !== undefined && !given.enablePerformanceMonitoring) {
    throw new ConfigError(
      "metricsLog",
      "is set while enablePerformanceMonitoring is false, so nothing would be written; leave one of them out.",
    );
  }
  return {
    enabled: given.enablePerformanceMonitoring,
    intervalMs: given.performanceValidationInterval,
    alerts: {
      spawnP95Ms: alerts.spawnTimeP95 ?? given.maxSpawnTimeMs,
      deliveryP95Ms: alerts.communicationLatencyP95 ?? deliveryMs,
      deliveryP99Ms: alerts.communicationLatencyP99 ?? 2 * deliveryMs,
      memoryPercent: alerts.memoryUsagePercent,
      cpuPercent: alerts.cpuUsagePercent,
      errorPercent: alerts.errorRatePercent,
    },
    log: log === undefined ? null : { bytesMax: METRICS_LOG_BYTES, filesMax: METRICS_LOG_FILES, ...log },
  };
}
