/**
 * Every bound of the kernel, each with the reason for its size. A queue, list or retry without a line here is a mistake.
 *
 * @module
 */
import { assert } from "./errors.ts";

/** Messages that one agent may have waiting while its handler is busy; the default of `inboxMessagesMax`. */
export const INBOX_MESSAGES_MAX = 1_024;
/** One text of a message's envelope (topic, type, traceparent, …): many times what such names have, few against a frame. */
export const LABEL_CHARS_MAX = 1_024;
/** Receivers of one multicast: each may wait for room and keeps a promise meanwhile. */
export const MULTICAST_MAX = 16_384;
/** Sends of one agent that may wait for room at a time: enough for a fan-out of a handler, few enough that nobody ignores backpressure. */
export const PENDING_SENDS_PER_AGENT_MAX = 64;
/** The same for callers outside any agent (the manager): a batch of sendMessages with room for several. */
export const PENDING_SENDS_OUTSIDE_MAX = 16_384;
/** Asks, tasks and calls of one thread that may wait for their reply: one for each of 10,000 agents, and the manager's own beside them. */
export const PENDING_REPLIES_MAX = 10_000 + 55_536;
/** Logs and failures that may wait for the main thread; beyond, they are counted and dropped: an agent that logs in a loop must not fill the memory. */
export const NOTES_WAITING_MAX = 1_024;
/** Dead letters that one thread keeps for replay; older ones give way and stay counted. */
export const DEAD_LETTERS_KEPT_MAX = 1_024;
/** Of those too large for a frame, up to 1 MiB each: 16 MiB, as much as all the small ones together. */
export const LARGE_DEAD_LETTERS_KEPT_MAX = 16;
/** Dead letters asked of a thread at a time: together they usually fit in one message. */
export const DEAD_LETTERS_PER_CALL_MAX = 32;
/** Least `messagePoolSize`: one message of 1 MiB takes 64 slabs. */
export const POOLED_MESSAGES_MIN = 64;
/** Messages that named queues hold in all, in shared cells of 256 bytes; the default of `messagePoolSize`. */
export const MESSAGE_POOL_SIZE = 50_000;
/** Messages of one priority that a named queue holds, unless it is created with another capacity. */
export const QUEUE_CAPACITY = 1_024;
/** Most that a queue may be given: its rings then take 1.3 MB. */
export const QUEUE_CAPACITY_MAX = 65_536;
/** Dead letters of the bus; the oldest give way. At most an eighth of the cells, so that live messages keep theirs. */
export const BUS_DEAD_LETTERS_MAX = 1_024;
/** Largest message of the bus once encoded: 4,370 cells, a twelfth of the default pool. */
export const BUS_MESSAGE_BYTES_MAX = 1 << 20;
/** Longest topic or pattern: trees stay shallow and a topic usually fits one cell. */
export const TOPIC_LENGTH_MAX = 512;
/** Topics whose receivers a thread remembers, in two halves: about a megabyte. */
export const TOPICS_REMEMBERED_MAX = 16_384;
/** Conditions of one filter, and how deep they may nest: a publish evaluates them all. */
export const FILTER_CONDITIONS_MAX = 64;
/** Longest pattern of `matches`, and the longest text that it looks at: their product bounds the work of one look. */
export const FILTER_PATTERN_LENGTH_MAX = 256;
/** See `FILTER_PATTERN_LENGTH_MAX`. */
export const FILTER_TEXT_LENGTH_MAX = 4_096;
/** Waiters of one thread on one named queue: each holds a promise and a timer. */
export const QUEUE_WAITERS_MAX = 1_024;
/** Listeners of one event bus: ten thousand agents with a few each would be a leak, not a use. */
export const EVENT_LISTENERS_MAX = 10_000;
/** Watches on the store that one thread may have open: each change wakes all of them, about a microsecond each. */
export const WATCHES_MAX = 1_024;
/** Frames handled in one turn of a host before timers and I/O get theirs. */
export const FRAMES_PER_TURN_MAX = 256;
/** Parked messages that one agent may handle in one turn while others wait. */
export const PARKED_PER_TURN_MAX = 32;
/** Ids in one spawn call: a frame's 16 KiB holds about 1,700 numbers; half of it leaves room for the state handed along. */
export const SPAWN_IDS_PER_CALL_MAX = 512;
/** Largest timer of the runtime (2³¹ − 1 ms): longer waits would fire at once. */
export const TIMER_MS_MAX = 2_147_483_647;
/** Waiting for room ends after this, unless the caller says otherwise. */
export const SEND_TIMEOUT_MS = 5_000;
/** An ask waits so long for its reply, unless the caller says otherwise. */
export const ASK_TIMEOUT_MS = 30_000;
/** A spawn may take so long, its import and onStart included. */
export const SPAWN_TIMEOUT_MS = 30_000;
/** A stopping agent's handler and onStop have so long before the agent is dropped. */
export const STOP_TIMEOUT_MS = 5_000;
/** An agent that can be snapshotted is, after a message, at most so often. */
export const SNAPSHOT_INTERVAL_MS = 1_000;
/** Snapshots kept on the main thread for all agents together; one more than fits is not taken over, and its agent told about. */
export const SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024;
/** Threads that may be started in the place of dead ones: each index is used once, since a dead thread may write again. */
export const SPARE_HOSTS_MAX = 4;
/** A thread must start within this: importing its code takes 10–100 ms, a loaded machine ten times that. */
export const THREAD_START_TIMEOUT_MS = 30_000;
/** Tasks that may wait for the executor: one for each of 10,000 agents. */
export const TASKS_WAITING_MAX = 10_000;
/** Characters that a team agent takes in one text, or in all texts of one request: as much as a message of 1 MiB can hold of plain text. */
export const TEAM_TEXT_CHARS_MAX = 1_048_576;
/** Items in one list of a team agent's input (files, cases, passages, columns): 1 MiB of messages holds few more that say anything. */
export const TEAM_ITEMS_MAX = 10_000;
/** Values of one analysis: sorting and counting them takes about half a second. */
export const TEAM_VALUES_MAX = 262_144;
/** Edits of one text. */
export const TEAM_EDITS_MAX = 256;
/** Characters that all edits of a request may read, each the whole text: all 256 for 64 KiB, 16 for 1 MiB, about half a second. */
export const TEAM_EDITED_CHARS_MAX = 16 * TEAM_TEXT_CHARS_MAX;
/** Steps of patterns times characters of texts in one request, about half a second: a thread that computes for two counts as hung. */
export const TEAM_PATTERN_WORK_MAX = 16 * TEAM_TEXT_CHARS_MAX;
/** Findings and differences that one reply lists; the rest is counted. */
export const TEAM_FINDINGS_MAX = 1_000;
/** Workers of one coordinator: more than any machine's threads, few enough to be asked one by one. */
export const TEAM_WORKERS_MAX = 64;
/** Parts of one coordinated task. */
export const TEAM_PARTS_MAX = 1_024;
/** Differing lines up to which the shortest diff is searched: time and memory grow with the square (1,000 → 4 MiB). */
export const DIFF_STEPS_MAX = 1_000;
/** A thread whose drain loop has not turned for so long is given up. */
export const HANG_TIMEOUT_MS = 2_000;
/** An agent's own time-out: a handler that holds its thread for an hour belongs into a process. */
export const AGENT_HANG_TIMEOUT_MS_MAX = 3_600_000;
/** Agents with a thread or a process of their own at a time: before its agent has done anything a thread takes 16 MB, a process 70 MB and three of 1,024 files. */
export const ISOLATED_AGENTS_MAX = 256;
/** Heap of one such agent: room for files and conversations, and little enough that a few that leak are noticed before the machine is full. */
export const ISOLATED_HEAP_BYTES = 256 * 1024 ** 2;
/** Least that may be asked for: 11 MB are there before the agent has done anything, and the collector needs room to work in. */
export const ISOLATED_HEAP_BYTES_MIN = 32 * 1024 ** 2;
/** Most: beyond it objects are no longer addressed by 32 bits, and one collection takes seconds. */
export const ISOLATED_HEAP_BYTES_MAX = 16 * 1024 ** 3;
/** One frame to or from such an agent: a message of 1 MiB with its context, or a page of the store. */
export const ISOLATED_FRAME_BYTES_MAX = 4 * 1024 ** 2;
/** Frames on their way into such an agent's process: 128 answers of the largest message, and little enough for a few such agents in 2 GiB. */
export const ISOLATED_INPUT_BYTES_MAX = 32 * ISOLATED_FRAME_BYTES_MAX;
/** Calls of such an agent that may be open at a time; what it counts beyond waits in its thread until it is taken. */
export const ISOLATED_CALLS_OPEN_MAX = 1_024;
/** What such an agent has counted and not told yet, in numbers: then it waits until it is heard. */
export const ISOLATED_COUNTS_WAITING_MAX = 4_096;
/** A process that was told to end by closing its input has so long before it is killed. */
export const ISOLATED_EXIT_GRACE_MS = 1_000;
/** The last of what an agent that is a process wrote to its standard error, for the error that tells of its end. */
export const ISOLATED_COMPLAINT_CHARS = 400;
/** Heap of one worker thread: 10,000 agents with 100 KiB each, and the runtime. */
export const WORKER_HEAP_MB_MAX = 2_048;
/** Of it, for the young: payloads die with their handlers, so a roomy nursery is collected seldom and nearly empty (0.5 ms each at 50,000 messages/s). */
export const WORKER_YOUNG_HEAP_MB_MAX = 64;
/** Bound of the 95th percentile of spawning: a target of the owner's document, and the default of `maxSpawnTimeMs`. */
export const SPAWN_P95_MS_MAX = 100;
/** Bound of the 95th percentile of one-way delivery: likewise, and the default of `maxCommunicationLatencyMs`. */
export const DELIVERY_P95_MS_MAX = 5;
/** Bound of resident memory in percent of the budget: likewise, and the default of `alertThresholds.memoryUsagePercent`. */
export const MEMORY_PERCENT_MAX = 85;
/** The memory budget is never more than this, so that figures of large machines compare. */
export const MEMORY_BUDGET_BYTES_MAX = 2 * 1024 ** 3;
/** Looks of the monitoring are at least so far apart: one takes 0.1–0.25 ms, so 1–3 % of a core at the most, and 0.02 % by default. */
export const MONITOR_INTERVAL_MS_MIN = 10;
/** A processor's share over less than this is noise: the system counts some of it in ticks of 1–10 ms. */
export const CPU_WINDOW_MS_MIN = 50;
/** Finding out from which size on a native loop is faster may take so long: a tenth of a delivery's time, and it happens once a loop. */
export const CROSSOVER_MS_MAX = 5;
/** Calls of a loop before that: few enough to come soon, enough for the runtime to have compiled it. */
export const CROSSOVER_AFTER_CALLS = 1_000;
/** An alert whose window has held too few samples for so many looks is cleared: nothing speaks for it any more. */
export const ALERT_LOOKS_MAX = 60;
/** Handlers entered before a share of those that threw means something: one of a hundred is 1 %. */
export const ERROR_RATE_SAMPLES_MIN = 100;
/** A warm pool given as a number may grow to so many times that. */
export const POOL_GROWTH_MAX = 4;
/** Bytes of one file of the metrics log: a line is about 1 KB, so a file holds four and a half hours of looks a second apart. */
export const METRICS_LOG_BYTES = 16 * 1024 ** 2;
/** Files of the metrics log that are kept: the last half day. */
export const METRICS_LOG_FILES = 3;
/** Most files that may be asked for: each rotation renames them all. */
export const METRICS_LOG_FILES_MAX = 100;
/** Lines of the metrics log that may wait for a slow disk; beyond, they are counted and dropped. */
export const METRICS_LOG_LINES_WAITING_MAX = 64;
/** Metrics that one thread keeps for its behaviors, each name with each set of labels: 4.3 MB if all were histograms. */
export const METRIC_SERIES_MAX = 1_000;
/** Labels of one metric; each multiplies the series. */
export const METRIC_LABELS_MAX = 4;
/** Characters of a metric's name, of a label's name and of its value: a word, not a text. */
export const METRIC_TEXT_LENGTH_MAX = 64;
/** Series asked of a thread at a time: 32 full histograms of 1,056 buckets with the longest labels take two thirds of a message. */
export const METRIC_SERIES_PER_CALL_MAX = 32;
/** Process agents of one coordinator at a time: each holds two pipes and a log, of the 1,024 open files that a process usually may have. */
export const PROCESS_AGENTS_MAX = 256;
/** Bytes of one request file: as much as a message. */
export const REQUEST_BYTES_MAX = 1_048_576;
/** Objects within objects in the context of one request, as in a message: it is read in one go and written again, by recursion. */
export const REQUEST_NESTING_MAX = 500;
/** Requirements of one request: a list that a person still reads. */
export const REQUIREMENTS_MAX = 1_000;
/** Characters of a request's id, role and model: they become file names, arguments and variables. */
export const REQUEST_TEXT_CHARS_MAX = 128;
/** Characters of a request file's name: the name of the claim is longer by an id, and file systems stop at 255. */
export const REQUEST_FILE_NAME_CHARS_MAX = 180;
/** Request files taken up in one look at the folder, oldest first; the others are found by the next. */
export const REQUESTS_PER_LOOK_MAX = 1_000;
/** Generations of requests by children of a request. */
export const REQUEST_DEPTH_MAX = 3;
/** Requests that one request may lead to, through all generations. */
export const REQUESTS_PER_TREE_MAX = 100;
/** A request file that cannot be read as JSON may still be being written: it is rejected when it has not changed for so long. */
export const REQUEST_UNFINISHED_MS = 1_000;
/** A program that is told to stop (SIGTERM) has so long; then its whole group is killed. Below the 3 s after which what still runs is an orphan. */
export const KILL_GRACE_MS = 2_000;
/** After its end, what a program has left in its pipes is read so long: a daemon that holds them open must not hold its result back. */
export const PIPES_DRAIN_MS = 500;
/** Output that a result holds: the first and the last half of it. The log holds all. */
export const OUTPUT_BYTES_KEPT = 50_000;
/** Bytes of one agent's log; what comes after is counted only. Twice the largest output that was tried. */
export const AGENT_LOG_BYTES_MAX = 2 * 1024 ** 3;
/** Bytes of one line of the line protocols: beyond it, no line of a program that knows the protocol. */
export const PROTOCOL_LINE_BYTES_MAX = 8 * 1_048_576;
/** Tries of a health check: the second tells a passing fault from a broken command. */
export const HEALTH_CHECK_TRIES_MAX = 2;
/** Before a deadline, an agent that makes progress is given more time from this long before. */
export const EXTENSION_LEAD_MS = 30_000;
/** A look at an agent's processes takes 5–50 ms, on a machine that is far too busy a second; one that takes longer than this tells nothing. */
export const PROCESS_LOOK_MS_MAX = 5_000;
/** Pieces of output closer together than this are one burst. */
export const BURST_GAP_MS = 100;
/** An agent computes when its processes took this share of a core since the last look; an idle runtime takes a tenth of that. */
export const COMPUTING_SHARE_MIN = 0.02;
/** It reads or writes when it moved so many bytes since the last look: more than a timer's or a spinner's. */
export const MOVING_BYTES_MIN = 4_096;
/** Bytes of a coordinator's journal after which it is written anew with what is open. */
export const JOURNAL_BYTES_MAX = 1_048_576;
/** States of one state machine, and how deep they may nest: a diagram that nobody could read any more. */
export const STATES_MAX = 1_024;
/** See `STATES_MAX`. */
export const STATE_DEPTH_MAX = 16;
/** Sets of active states that a chart remembers; parallel regions multiply. They are made again when needed. */
export const STATE_CONFIGURATIONS_MAX = 4_096;
/** Lines of a state machine's audit trail; the oldest give way. */
export const STATE_HISTORY_MAX = 100;
/** Transitions that may wait for one whose callbacks are still at work. */
export const TRANSITIONS_WAITING_MAX = 1_024;
/** Transitions within the callbacks of transitions: beyond, two callbacks answer each other for ever. */
export const TRANSITIONS_NESTED_MAX = 64;
/** Steps of one workflow: validation and a diagram take time in proportion. */
export const WORKFLOW_STEPS_MAX = 10_000;
/** Characters of the id of a workflow or a step: both stand in every line about it. */
export const STEP_ID_CHARS_MAX = 256;
/** Items of one map: each is a step of its own while it runs. */
export const MAP_ITEMS_MAX = 10_000;
/** Items of a map that run at a time, unless the step says otherwise. */
export const MAP_CONCURRENCY = 16;
/** Workflows within workflows. */
export const WORKFLOW_DEPTH_MAX = 16;
/** How deep inputs with references may nest. */
export const CONDITION_DEPTH_MAX = 32;
/** Tries after the first, unless action or step say otherwise: the owner's document. */
export const STEP_RETRIES = 3;
/** Most retries that may be asked for: with the longest backoff, more than eight hours. */
export const STEP_RETRIES_MAX = 1_000;
/** Of one try of a step, unless action or step say otherwise: the owner's document. */
export const STEP_TIMEOUT_MS = 30_000;
/** Steps that are told to stop have so long before nobody waits for them any more. */
export const STEP_GRACE_MS = 5_000;
/** Tries of a compensation after the first. */
export const COMPENSATION_RETRIES = 3;
/** First wait between tries. */
export const BACKOFF_BASE_MS = 100;
/** Longest wait between tries. */
export const BACKOFF_MS_MAX = 30_000;
/** Executions that one engine runs at a time: some kilobytes each. */
export const EXECUTIONS_RUNNING_MAX = 10_000;
/** Executions that may wait for their turn besides. */
export const EXECUTIONS_WAITING_MAX = 100_000;
/** Ended executions whose history an engine keeps in memory: some kilobytes each, and the collector carries along what is kept. */
export const EXECUTIONS_KEPT_MAX = 256;
/** Entries of an index of agents before it first looks for those that are gone. */
export const AGENT_INDEX_SLACK = 1_024;
/** Lengths of timeouts that have lists of their own; workflows use a handful. */
export const TIMEOUT_LISTS_MAX = 256;
/** Lines of one execution's history in memory; a journal in a file keeps all. */
export const EXECUTION_HISTORY_MAX = 10_000;
/** Signals of one execution that no step has waited for yet. */
export const SIGNALS_KEPT_MAX = 1_024;
/** Facts that an engine without effects of its own keeps in memory. */
export const EFFECTS_KEPT_MAX = 100_000;
/** Definitions that an engine knows by id. */
export const WORKFLOWS_MAX = 10_000;
/** Bytes of lines about ended executions that a journal keeps; the oldest give way. */
export const JOURNAL_BYTES_KEPT = 64 * 1024 ** 2;
/** One value of a journal, encoded: as much as a message. */
export const JOURNAL_VALUE_BYTES_MAX = 1 << 20;
/** Up to here the room in which groups are encoded is kept for the next. */
export const JOURNAL_GROUP_BYTES_MAX = 1 << 24;
/** Flushes by themselves are at least so far apart: one takes some ms of a disk even when little has changed. */
export const PERSISTENCE_INTERVAL_MS_MIN = 10;
/** Heap of the thread that collects what a flush writes: it has numbers of entries and a few blocks, which lie beside the heap. */
export const COLLECTOR_HEAP_MB_MAX = 64;
/** Without a word of it, where one is due: it hangs, or its thread does. A MiB of blocks takes it some 20 ms. */
export const COLLECTOR_SILENCE_MS_MAX = 30_000;
/** Of one turn of the event loop a flush takes so many ms before others have theirs: a tenth of what a message may take. */
export const PERSISTENCE_TURN_MS = 0.5;
/** A log is written anew when it is so many times what is alive … : each byte is then written about once more. */
export const LOG_COPIES_SOFT = 2;
/** … and nothing is appended any more when it is so many times that, because writing anew has failed again and again. */
export const LOG_COPIES_MAX = 4;
/** Beside that: a log of little state is not written anew all the time. */
export const LOG_SLACK_BYTES = 8 * 1024 ** 2;
/** Keys of one kind of record: entries of the largest store, 2 GiB of 64 bytes each. */
export const LOG_KEYS_MAX = 1 << 25;
/** Agents that a report of recovery names one by one, lost ones first. */
export const RECOVERED_AGENTS_NAMED_MAX = 4_096;
/** A flush that a worker thread asks for may take so long: a disk that has to write everything anew, ten times over. */
export const FLUSH_TIMEOUT_MS = 30_000;
/** Output tokens that a model may write unless the request or the task says otherwise: a few pages. */
export const MODEL_OUTPUT_TOKENS = 4_096;
/** A call of a model may take so long, its retries and waits included, unless it says otherwise: a long answer takes some minutes. */
export const MODEL_TIMEOUT_MS = 300_000;
/** Characters of one request to a model, all messages together: less than a message between threads holds. */
export const MODEL_REQUEST_CHARS_MAX = 900_000;
/** Messages of one request: a long conversation with its tools. */
export const MODEL_MESSAGES_MAX = 1_000;
/** Tokens that a provider puts around each message and tool, on top of what their bytes can make: no known format takes more than a dozen. */
export const MODEL_FRAMING_TOKENS = 16;
/** Rounds of tool calls in one request: a model that asks on and on must come to an end. */
export const TOOL_ROUNDS_MAX = 16;
/** Tools of one request. */
export const TOOLS_MAX = 128;
/** A call of an MCP server's tool has so long unless told otherwise: as long as the protocol's own library gives it. */
export const MCP_TIMEOUT_MS = 60_000;
/** Characters of what one tool returns to the model; the rest is cut, and said to be. */
export const TOOL_OUTPUT_CHARS_MAX = 100_000;
/** Model calls of agents on threads that may be open at a time; each holds a promise and its pieces. */
export const MODEL_CALLS_OPEN_MAX = 10_000;
/** Pieces of a stream that wait for its reader, in characters; beyond, the provider is not read on. */
export const MODEL_STREAM_CHARS_MAX = 1_048_576;
/** Bytes of one answer of a provider on the network, as it comes: 200,000 tokens in an event of 300 bytes each. */
export const MODEL_ANSWER_BYTES_MAX = 67_108_864;
/** Bytes that a command which stands for a model may write: as much as a message can hold. */
export const MODEL_PROCESS_BYTES_MAX = 1_048_576;
/** Tries of a failed model call after the first one. */
export const MODEL_RETRIES_MAX = 4;
/** Wait before the first retry, doubled with each and then taken by chance between half of it and all. */
export const MODEL_BACKOFF_MS = 500;
/** Longest of these waits; what a provider asks for by retry-after may be longer. */
export const MODEL_BACKOFF_MS_MAX = 30_000;
/** A provider's wish to be left alone longer than this is an error at once: nobody waits for an hour unasked. */
export const RETRY_AFTER_MS_MAX = 600_000;
/** Calls in a row that must fail before a provider is left alone, and for how long. */
export const BREAKER_FAILURES = 5;
/** See `BREAKER_FAILURES`. */
export const BREAKER_OPEN_MS = 10_000;
/** Connections that a provider's pool keeps at least, once it has been used: the owner's document. */
export const POOL_CONNECTIONS_MIN = 2;
/** At most: likewise. */
export const POOL_CONNECTIONS_MAX = 10;
/** Waiting for one: likewise. */
export const POOL_ACQUIRE_MS = 30_000;
/** One that nobody used for so long is closed: likewise. */
export const POOL_IDLE_MS = 30_000;
/** How often that is looked at: likewise. */
export const POOL_EVICTION_MS = 10_000;
/** Results that the executor remembers, and for how long: the owner's document. */
export const RESULTS_CACHED_MAX = 10_000;
/** See `RESULTS_CACHED_MAX`. */
export const RESULT_TTL_MS = 300_000;
/** Characters of input that a cached task is known by: a longer one is not cached, its key would cost more than it saves. */
export const RESULT_KEY_CHARS_MAX = 65_536;
/** Files that an AsyncFileManager works on at a time: enough for a disk, few of the 1,024 that a process may have open. */
export const FILES_OPEN_MAX = 16;
/** File operations that may wait for their turn. */
export const FILES_WAITING_MAX = 10_000;
/** Agents whose spending is remembered, the living ones always; beyond, the dead are forgotten first. */
export const ACCOUNTS_MAX = 20_000;

assert(PENDING_REPLIES_MAX === 65_536, "pending replies stay a round 64 Ki a thread");
assert(FRAMES_PER_TURN_MAX >= PARKED_PER_TURN_MAX, "one agent's parked messages never take more than a turn");
/** Patterns of one threat engine: each may remember events of many keys. */
export const THREAT_PATTERNS_MAX = 10_000;
/** Conditions of one pattern's match; looked at for each event of its type. */
export const THREAT_CONDITIONS_MAX = 64;
/** Further conditions that are the same incident. */
export const THREAT_ALTERNATIVES_MAX = 16;
/** Events that a pattern may count: each key remembers the times of so many, 8 bytes each. */
export const THREAT_COUNT_MAX = 1_000;
/** Keys that a pattern remembers; whom it has not met for longest gives way. A /18 of addresses; 20 MB at a count of 100. */
export const THREAT_KEYS_MAX = 16_384;
/** Longest key that is counted: longer than any address or user name. */
export const THREAT_KEY_CHARS_MAX = 256;
/** Longest id of a pattern, and name of a field. */
export const THREAT_NAME_CHARS_MAX = 256;
/** Incidents that are kept for queries; older ones give way, the counts do not. */
export const INCIDENTS_KEPT_MAX = 10_000;
/** Entries of one incident's timeline; then repetitions are only counted. */
export const INCIDENT_TIMELINE_MAX = 100;
/** Last events that a dry run of a pattern looks back at. */
export const THREAT_EVENTS_KEPT_MAX = 4_096;
/** Playbooks that run at a time; more wait for their start, worst first, and beyond as many again an incident says that it was not answered. */
export const PLAYBOOKS_RUNNING_MAX = 256;
/** Measures that stand in memory at a time: a set of blocked addresses larger than that belongs into a firewall. */
export const MEASURES_KEPT_MAX = 100_000;
/** Last commands that a command effector tells of. */
export const COMMANDS_KEPT_MAX = 1_000;
/** Receivers of one message of the collective, and agents that one coordinator knows: the document's most is 100 a coordinator. */
export const COLLECTIVE_TARGETS_MAX = 1_024;
/** Keys that one CIPHER keeps: each a handle and some hundred bytes. */
export const CIPHER_KEYS_MAX = 1_024;
/** Versions of a key that still decrypt: with a rotation a week more than half a year. */
export const CIPHER_KEY_VERSIONS_MAX = 32;
/** Sources that FORTRESS watches at a time; those silent for longest are forgotten. */
export const FORTRESS_SOURCES_MAX = 4_096;
/** Events that FORTRESS keeps of a source, for its windows and for forensics. */
export const FORTRESS_EVENTS_MAX = 256;
/** Accounts whose failed logins AEGIS counts, and sources that STREAM weighs. */
export const COLLECTIVE_KEYS_MAX = 4_096;
/** Flows that a capture of STREAM keeps; older ones give way and are counted. */
export const CAPTURED_FLOWS_MAX = 4_096;
/** Series and alerts that OMNISCIENT keeps. */
export const OMNISCIENT_SERIES_MAX = 1_024;
/** Times that one row of a benchmark keeps: 8 MB. */
export const BENCHMARK_SAMPLES_MAX = 1_000_000;
