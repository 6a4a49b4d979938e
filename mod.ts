/**
 * A kernel for very many agents: they live on worker threads, exchange messages through lock-free rings in shared memory, and share a store.
 *
 * @example
 * ```ts ignore
 * import { UltraFastAgentManager } from "@stage3/kernel";
 * await using manager = new UltraFastAgentManager({ threads: 2, behaviors: { echo: new URL("./echo.ts", import.meta.url) } });
 * await manager.initialize();
 * const agent = await manager.spawnAgent("echo");
 * console.log(await manager.ask(agent, { hello: "world" }));
 * ```
 *
 * @module
 */
export { defineAgent, defineTool } from "./core/agents/agent.ts";
export type {
  Acceptor,
  AgentBehavior,
  AgentContext,
  AgentId,
  AgentMetrics,
  AgentModel,
  AgentPermissions,
  AgentStore,
  AskOptions,
  Counter,
  Distribution,
  Gauge,
  Health,
  InputOf,
  Isolation,
  Message,
  MetricLabels,
  ModelBudget,
  ModelCall,
  ModelMessage,
  ModelReply,
  ModelRequest,
  ModelStream,
  ModelTool,
  Priority,
  PriorityName,
  ReplyOf,
  SendOptions,
  SendResult,
  SpawnConfig,
  StopReason,
  Supervision,
  TaskDefinition,
  TaskResult,
  TaskStatus,
  TokenUsage,
  ToolCall,
  ToolInput,
  ToolRun,
} from "./core/agents/agent.ts";
export type { DeadLetter, DeadLetterReason } from "./core/agents/dead_letters.ts";
export type { ReplayOptions, ReplayResult } from "./core/agents/letter_office.ts";
export { AGENT_LIFECYCLE, AgentLifecycleState } from "./core/agents/lifecycle.ts";
export { IsolationLostError, IsolationUnavailableError } from "./core/agents/isolation.ts";
export type { Recovery } from "./core/agents/supervisor.ts";
export { attachMapped } from "./core/attach_mapped.ts";
export type { BackoffRule } from "./core/base/backoff.ts";
export type { PerformanceTargets } from "./core/base/config.ts";
export {
  AgentNotFoundError,
  AskTimeoutError,
  ConfigError,
  HostDiedError,
  InboxFullError,
  InvalidArgumentError,
  isKernelError,
  KernelError,
  MessageTooLargeError,
  NotInitializedError,
  PayloadNotCloneableError,
  ReplyClosedError,
  SendsPendingError,
} from "./core/base/errors.ts";
export type { ErrorData } from "./core/base/errors.ts";
export type {
  AgentPoolOptions,
  AlertThresholds,
  KernelOptions,
  MetricsLogOptions,
  ModelOptions,
  ModelPoolOptions,
  ModelPrice,
  ModelRoute,
  NativeOptions,
  NetworkProviderOptions,
  PersistenceOptions,
  ProcessProviderOptions,
  ProviderChoice,
  ResultCacheBounds,
  WarmPoolOptions,
} from "./core/base/options.ts";
export { StateChart } from "./core/base/state_chart.ts";
export { StateMachine } from "./core/base/state_machine.ts";
export type {
  StateCallback,
  StateCallbacks,
  StateChange,
  StateGuard,
  StateMachineDefinition,
  StateMachineOptions,
  StateMachineSnapshot,
  StateNode,
  StateNodes,
  StateTransition,
  TransitionOptions,
} from "./core/base/state_machine.ts";
export { BorrowedBytes } from "./core/bus/borrowed_bytes.ts";
export type { BusCounts } from "./core/bus/bus_counters.ts";
export type { BusDeadLetter, BusDeadLetterReason } from "./core/bus/bus_dead_letters.ts";
export type { BusMessage as UltraFastMessage } from "./core/bus/bus_message.ts";
export type { BusRepair, BusStats, PublishOptions, QueueStats, SubscribeOptions } from "./core/bus/bus_options.ts";
export { EventBus as EnhancedEventBus } from "./core/bus/event_bus.ts";
export type { EventBusOptions, EventListener, EventPattern, ListenerOptions } from "./core/bus/event_bus.ts";
export { MessageBus as UltraFastCommunicationBus } from "./core/bus/message_bus.ts";
export type { FilterCondition, MessageFilter } from "./core/bus/message_filter.ts";
export { MessagePool } from "./core/bus/message_pool.ts";
export type { PooledMessage, PoolStats } from "./core/bus/message_pool.ts";
export type { WaitOptions } from "./core/bus/queue_waiters.ts";
export { ReplicatedMemory as DistributedMemorySystem } from "./core/bus/replicated_memory.ts";
export type { MemorySpace } from "./core/bus/replicated_memory.ts";
export type { GroupPolicy } from "./core/bus/subscriptions.ts";
export { TaskUse } from "./core/bus/task.ts";
export { TopicMatcher } from "./core/bus/topic_matcher.ts";
export { collectiveBehavior } from "./core/collective/collective.ts";
export type { CollectiveType } from "./core/collective/collective.ts";
export type { CollectiveMetrics, CollectiveState } from "./core/collective/contract.ts";
export { CollectiveCoordinator } from "./core/collective/coordinator.ts";
export type { CollectiveDelivery, CollectiveSendOptions, CoordinatedKernel, CoordinatorStatistics } from "./core/collective/coordinator.ts";
export { collectiveMessage, MessageBuilder } from "./core/collective/message.ts";
export type { CollectiveMessage, CollectiveMessageType, CollectivePriority } from "./core/collective/message.ts";
export { Kernel as UltraFastAgentManager } from "./core/kernel.ts";
export type { BatchMessage, ManagerOptions } from "./core/kernel.ts";
export type { AttachedEntry, AttachedStore } from "./core/memory/attached_store.ts";
export type { MemoryReport, RegionUse } from "./core/memory/inspection.ts";
export type { LoopReport, NativeReport } from "./core/memory/kernel_loader.ts";
export type { CoreCalls, LoopName } from "./core/memory/kernels.ts";
export type { StoreEntry, StoreStats } from "./core/memory/memory_store.ts";
export { MemoryStore as HighPerformanceMemoryStore, MemoryStore as UltraFastMemoryStore } from "./core/memory/memory_store.ts";
export type { AgentRecovery, PersistenceMode, PersistenceStatus, RecoveryReport } from "./core/memory/persistence.ts";
export type { PersistenceDisk, PersistenceFile } from "./core/memory/persistence_file.ts";
export { RingBuffer as LockFreeRingBuffer } from "./core/memory/ring_buffer.ts";
export type { FrameHandler } from "./core/memory/ring_buffer.ts";
export type { StoreCell } from "./core/memory/store_cell.ts";
export type { ImageCheck } from "./core/memory/store_image.ts";
export type { ScannedEntry, ScanOptions, ScanPage, StoreCheck } from "./core/memory/store_walk.ts";
export type { StoreChange, WatchOptions } from "./core/memory/store_watch.ts";
export type { Alert, AlertName } from "./core/metrics/alerts.ts";
export type { CounterName, Counts } from "./core/metrics/counters.ts";
export type { MetricsUpdate } from "./core/metrics/monitor.ts";
export type { PerformanceMetrics, TimeFigures } from "./core/metrics/performance.ts";
export { PerformanceValidator } from "./core/metrics/performance_validator.ts";
export type { Comparison, MeasuredPerformance, PerformanceValidation, TargetVerdict } from "./core/metrics/performance_validator.ts";
export { prometheusText } from "./core/metrics/prometheus.ts";
export type { MetricKind, MetricSeries } from "./core/metrics/registry.ts";
export type { StatusFacts, StatusLevel, StatusReason, SystemStatus } from "./core/metrics/system_status.ts";
export type { PoolStatistics } from "./core/models/connection_pool.ts";
export type { AccountReport, Spending } from "./core/models/ledger.ts";
export { mcpTools } from "./core/models/mcp_tools.ts";
export type { McpOptions, McpTools, McpUse } from "./core/models/mcp_tools.ts";
export { BudgetExceededError, BudgetUnenforceableError, ModelError, ModelKeyMissingError } from "./core/models/model_errors.ts";
export type { ModelErrorDetails, ModelFailure } from "./core/models/model_errors.ts";
export { PRICES_AS_OF } from "./core/models/prices.ts";
export { ProviderUnknownError } from "./core/models/routes.ts";
export { planSizing as planLayout } from "./core/sizing.ts";
export type { FigureBasis, SizingFigure, SizingPlan, SizingRequest } from "./core/sizing.ts";
export type { KernelParts } from "./core/system.ts";
export type { ProviderStatus } from "./core/task_service.ts";
export { TaskExecutor as OptimizedExecutor } from "./core/tasks/executor.ts";
export type { ExecuteOptions, ExecutorOptions, ExecutorStatistics, RunConditions, RunTask } from "./core/tasks/executor.ts";
export { AsyncFileManager, PathOutsideError } from "./core/tasks/file_manager.ts";
export type { FileEntry, FileManagerOptions } from "./core/tasks/file_manager.ts";
export type { ResilienceStatistics } from "./core/tasks/resilience.ts";
export type { ResultCacheOptions, ResultCacheStatistics } from "./core/tasks/result_cache.ts";
export type { AnalystInput, AnalystOutput } from "./core/team/analyst.ts";
export type { Assertion } from "./core/team/assertions.ts";
export type { CoderInput, CoderOutput } from "./core/team/coder.ts";
export type { CoordinatorInput, CoordinatorOutput, PartResult } from "./core/team/coordinator.ts";
export type { Edit, RangeEdit, ReplaceEdit } from "./core/team/edits.ts";
export type { Merge } from "./core/team/merging.ts";
export type { Match } from "./core/team/ranking.ts";
export type { ResearcherInput, ResearcherOutput, ResearchResult } from "./core/team/researcher.ts";
export type { ReviewRuleName, Severity } from "./core/team/review_rules.ts";
export type { Finding, ReviewerInput, ReviewerOutput } from "./core/team/reviewer.ts";
export type { ColumnStatistics } from "./core/team/statistics.ts";
export type { AgentType } from "./core/team/team.ts";
export type { AskedCase, CaseResult, TestCase, TesterInput, TesterOutput } from "./core/team/tester.ts";
export { CommandEffector } from "./core/threats/command_effector.ts";
export type { CommandEffectorOptions, CommandRecord, MeasureCommands } from "./core/threats/command_effector.ts";
export { MemoryEffector } from "./core/threats/effector.ts";
export type { Effector, Measure, StandingMeasure } from "./core/threats/effector.ts";
export type { EventComparison, EventMatch, ThreatEvent } from "./core/threats/event_match.ts";
export { ThreatIncident } from "./core/threats/incident.ts";
export type { IncidentEntry, IncidentFacts, IncidentState, ResponsePlan } from "./core/threats/incident.ts";
export type { IncidentQuery } from "./core/threats/incident_log.ts";
export type { PlaybookExecution, PlaybookRunner, PlaybookStep } from "./core/threats/playbook_runner.ts";
export { DEFAULT_PATTERNS, registerResponseActions } from "./core/threats/playbooks.ts";
export type { ActionRegistry } from "./core/threats/playbooks.ts";
export { THREAT_LEVELS } from "./core/threats/threat_level.ts";
export type { ThreatLevel } from "./core/threats/threat_level.ts";
export type { ThreatCondition, ThreatResponsePattern } from "./core/threats/threat_pattern.ts";
export { ThreatResponseEngine } from "./core/threats/threat_response.ts";
export type { DryRunReport, ThreatResponseOptions, ThreatStats } from "./core/threats/threat_response.ts";
export { BenchmarkRunner } from "./core/validation/benchmark_runner.ts";
export type { BenchmarkName, BenchmarkReport, BenchmarkRunnerOptions, BenchmarkVerdict } from "./core/validation/benchmark_runner.ts";
export { OrchestrationBenchmark } from "./core/validation/orchestration_benchmark.ts";
export type { BenchmarkSize } from "./core/validation/orchestration_benchmark.ts";
export { PerformanceMonitor } from "./core/validation/performance_monitor.ts";
export type { BenchmarkResults } from "./core/validation/performance_monitor.ts";
export type {
  AgentCounts,
  Cleanup,
  ConcurrentAgents,
  Incident,
  LoadTestResult,
  MemoryUse,
  MessageCounts,
  Percentiles,
  ScenarioMetrics,
  Stability,
  Target,
  TeamCounts,
  Throughput,
  ValidationResult,
} from "./core/validation/result.ts";
export { ScenarioRunner as Stage3IntegrationValidator } from "./core/validation/scenario_runner.ts";
export type { Progress, RunOptions, ValidatorOptions } from "./core/validation/scenario_runner.ts";
export type { ActionContext, ActionFunction, ActionOptions } from "./core/workflows/action.ts";
export type { AgentSelector, WorkflowAgents } from "./core/workflows/agents.ts";
export { Budget } from "./core/workflows/budget.ts";
export type { ComparisonOperators, PlainValue } from "./core/base/comparison.ts";
export type { ConditionTest, WorkflowCondition } from "./core/workflows/conditions.ts";
export { MemoryEffects } from "./core/workflows/effects.ts";
export type { Effects } from "./core/workflows/effects.ts";
export { FileJournal } from "./core/workflows/file_journal.ts";
export type { Journal, JournalEntry, JournalKind } from "./core/workflows/journal.ts";
export { OrchestrationEngine } from "./core/workflows/orchestration_engine.ts";
export type { EngineOptions, EngineStatistics, StartOptions } from "./core/workflows/orchestration_engine.ts";
export type { StepOutcome, WorkflowOutcome } from "./core/workflows/outcome.ts";
export type { FactDifference, RehearsalOptions, RehearsalRow } from "./core/workflows/rehearsal.ts";
export type { ResumeReport } from "./core/workflows/resume.ts";
export type { StepState } from "./core/workflows/unit.ts";
export type { PendingWait } from "./core/workflows/waits.ts";
export { workflow } from "./core/workflows/workflow.ts";
export type {
  ApprovalRule,
  EffectKind,
  StepOptions,
  WorkflowBuilder,
  WorkflowDefinition,
  WorkflowStep,
  WorkflowView,
} from "./core/workflows/workflow.ts";
export { WorkflowExecution } from "./core/workflows/workflow_execution.ts";
export type { Decision } from "./core/workflows/workflow_execution.ts";
export { WorkflowState } from "./core/workflows/workflow_lifecycle.ts";
