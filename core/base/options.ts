/**
 * What an operator may set, in the words of the owner's document. Plain data: checked, and given its defaults, in config.ts.
 *
 * @module
 */

/** Options of a manager that are plain data. */
export interface KernelOptions {
  /** Worker threads; 0 means that agents live on the main thread. Default: min(eventBusWorkers, cores − 1), at least 1. */
  threads?: number;
  /** Upper bound of the default of `threads`. Default 8. */
  eventBusWorkers?: number;
  /**
   * Keeps worker threads to processors, so that the system does not move them: true spreads them over the machine's NUMA nodes (of one node: a processor
   * each), a list gives each thread in turn one of these. Worth it where other programs compete for some processors. Needs the native library. Default false.
   */
  affinity?: boolean | number[];
  /** Agents alive at a time, warm ones not counted; also the target of `validatePerformanceTargets().concurrentAgents`. Default 10,000. */
  maxConcurrentAgents?: number;
  /** Target of the 95th percentile of spawning, in ms. Default 100. */
  maxSpawnTimeMs?: number;
  /** Target of the 95th percentile of one-way delivery, in ms. Default 5. */
  maxCommunicationLatencyMs?: number;
  /** Bytes of shared memory for queues, agent states, metrics and large payloads. Default 128 MiB. */
  sharedBufferSize?: number;
  /**
   * Messages kept outside the rings: bounds the slabs of 16 KiB for payloads too large for a frame (also bounded by what `sharedBufferSize`
   * leaves for them, about 1,500 of 128 MiB) and the dead letters kept by all threads together (also bounded by 1,024 a thread).
   * At least 64, which one message of 1 MiB takes. Default 50,000.
   */
  messagePoolSize?: number;
  /** Bytes of shared memory for the store. Default 64 MiB. */
  memoryStoreSize?: number;
  /** Makes bytes on loan (`BorrowedBytes`) unreadable when their handler has settled, so that whoever kept them notices. Default false. */
  debug?: boolean;
  /** Messages that may wait for one busy agent. Default 1,024. */
  inboxMessagesMax?: number;
  /** A send waits so long for room. Default 5,000. */
  sendTimeoutMs?: number;
  /** A thread that has not turned for so long is given up. Default 2,000. */
  hangTimeoutMs?: number;
  /** Tasks that the executor runs at a time. Default 20. */
  executorConcurrency?: number;
  /** Which models do tasks and answer agents, and how they are asked. Default: the built-in `local` provider, which asks none. */
  executor?: ModelOptions;
  /** Warm instances. */
  agentPoolConfig?: AgentPoolOptions;
  /** Whether deliveries are timed and `metrics:updated`, alerts and the metrics log run at all. Default true. */
  enablePerformanceMonitoring?: boolean;
  /** Time in ms between two looks of the monitoring. Default 1,000. */
  performanceValidationInterval?: number;
  /** When `alert:raised` is emitted. */
  alertThresholds?: AlertThresholds;
  /** A file that gets one JSON line at each look, or where and how much of it is kept. Needs the permission to write it. */
  metricsLog?: string | MetricsLogOptions;
  /** A file of SQLite in which `manager.orchestration` writes its executions down, so that `orchestration.resume()` goes on with them after a crash. Default: nowhere. */
  workflowJournal?: string;
  /**
   * Whether the hot loops may run in a native library: true uses one that is found and that `--allow-ffi` permits, else TypeScript; false never looks;
   * `{ library }` names a file that must work. The values are the same either way. Default true.
   */
  native?: boolean | NativeOptions;
  /** Where the store, durable queues and the agents are kept, so that they survive the process. Left out: nowhere. */
  persistence?: PersistenceOptions;
}

/** Which native library. */
export interface NativeOptions {
  /** Path of the file; when it cannot be used, `initialize()` rejects. Without it the library is looked for. */
  library?: string;
}

/** State on disk. */
export interface PersistenceOptions {
  /** The file. It is made with mode 0600 when there is none. */
  path: string;
  /** `portable` writes changes to a log. `mapped` puts the shared memory itself into the file, which needs `--allow-ffi`. Default `portable`. */
  mode?: "portable" | "mapped";
  /** Changes are on disk after so many ms at the latest, whether anybody calls `flush` or not. Default 1,000. */
  intervalMs?: number;
}

/** Warm pools of all types. */
export interface AgentPoolOptions {
  /** Warm instances by agent type: a number of them, or the bounds of a pool. */
  preWarmPools?: Record<string, number | WarmPoolOptions>;
  /** Whether pools grow and shrink with their use; false: each stays at its `minSize`. Default true. */
  dynamicScaling?: boolean;
  /** A pool grows when this share of it was wanted at once. Default 0.8. */
  scaleUpThreshold?: number;
  /** A pool shrinks when no more than this share of it was wanted at once. Default 0.3. */
  scaleDownThreshold?: number;
  /** Time in ms between two changes of a pool's size, and the window in which its use is seen. Default 5,000. */
  cooldownMs?: number;
}

/** One type's warm pool. A plain number `n` stands for `{ minSize: n, maxSize: 4 * n }`. */
export interface WarmPoolOptions {
  /** Kept ready at least. */
  minSize: number;
  /** Kept ready at most. */
  maxSize: number;
  /** Instead of `agentPoolConfig.scaleUpThreshold`. */
  scaleUpThreshold?: number;
  /** Instead of `agentPoolConfig.scaleDownThreshold`. */
  scaleDownThreshold?: number;
}

/** An alert is raised above its threshold and cleared at nine tenths of it. */
export interface AlertThresholds {
  /** In ms. Default: `maxSpawnTimeMs`. */
  spawnTimeP95?: number;
  /** In ms. Default: `maxCommunicationLatencyMs`. */
  communicationLatencyP95?: number;
  /** In ms. Default: twice `maxCommunicationLatencyMs`. */
  communicationLatencyP99?: number;
  /** Of the memory budget: min(RAM, memory limit of the container, 2 GiB). Default 85. */
  memoryUsagePercent?: number;
  /** Of all cores. Default 80. */
  cpuUsagePercent?: number;
  /** Handlers that threw, of all that were entered. Default 5. */
  errorRatePercent?: number;
}

/** A log of JSON lines that is rotated: `path` is the newest file, `path.1` the one before it, and so on. */
export interface MetricsLogOptions {
  /** The file. */
  path: string;
  /** A file is rotated before it grows beyond this. Default 16 MiB. */
  bytesMax?: number;
  /** Files kept, the newest included. More than one need `--allow-read` and `--allow-write` of all of them. Default 3. */
  filesMax?: number;
}

/** Who is asked: a name, or how it is reached. */
export type ProviderChoice =
  | "local"
  | "anthropic"
  | "openai"
  | { anthropic: NetworkProviderOptions }
  | { openai: NetworkProviderOptions }
  | ProcessProviderOptions;

/** A provider on the network. */
export interface NetworkProviderOptions {
  /** Default: the variable `ANTHROPIC_API_KEY` or `OPENAI_API_KEY`. */
  apiKey?: string;
  /** Another server that speaks the same protocol. */
  baseUrl?: string;
  /** Asked when nothing names a model. */
  model?: string;
}

/** A command that stands for a model. */
export interface ProcessProviderOptions {
  /** Program and arguments; `{model}` in one becomes the model's name. It gets the prompt on stdin, and its stdout is the answer. */
  process: readonly string[];
  /** Default of `{model}`. */
  model?: string;
}

/** Which models do tasks and answer agents. */
export interface ModelOptions {
  /** Asked unless something names another. Default `local`. */
  provider?: ProviderChoice;
  /** Asked unless something names another. Default: the provider's. */
  model?: string;
  /** Models by agent type. */
  models?: Record<string, string>;
  /** Further providers, asked as `name:model`. */
  providers?: Record<string, ProviderChoice>;
  /** Rules that send requests elsewhere; the first that fits decides. */
  routes?: ModelRoute[];
  /** Prices by model or `provider:model`; they go before the built-in table. */
  prices?: Record<string, ModelPrice>;
  /** Tries after a failed first one. Default 4. */
  retries?: number;
  /** Connections to each provider. */
  pool?: ModelPoolOptions;
  /** Results of tasks with `cache`. */
  cache?: ResultCacheBounds;
  /** Folder in which every answer is written down. */
  record?: string;
  /** Folder from which every answer is taken: no model is asked. */
  replay?: string;
}

/** A rule of routing. */
export interface ModelRoute {
  /** Only for agents of this type. */
  agentType?: string;
  /** Only for this model, as it was asked for; `*` at its end stands for anything. */
  model?: string;
  /** Only for requests of at least so many characters. */
  charsMin?: number;
  /** Where to: `provider:model`, `provider:` or a model of the default provider. */
  use: string;
}

/** US dollars for a million tokens. */
export interface ModelPrice {
  /** Read; cached ones are counted as if they were not, so that a cost is never too low. */
  inputUsdPerMillion: number;
  /** Written. */
  outputUsdPerMillion: number;
}

/** Connections to one provider. */
export interface ModelPoolOptions {
  /** Kept open at least, once it has been used. Default 2. */
  min?: number;
  /** At most; also the requests that a provider is sent at a time. Default 10. */
  max?: number;
  /** Waiting for one ends after so many ms. Default 30,000. */
  acquireTimeoutMs?: number;
  /** One that was not used for so many ms is closed. Default 30,000. */
  idleTimeoutMs?: number;
}

/** Bounds of the results that are used again. */
export interface ResultCacheBounds {
  /** Results. Default 10,000. */
  max?: number;
  /** Age in ms. Default 300,000. */
  ttlMs?: number;
}
