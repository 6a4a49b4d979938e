/**
 * OMNISCIENT: monitors. Keeps series of figures, asks agents how they fare, and raises alerts.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import { KernelError } from "../base/errors.ts";
import { OMNISCIENT_SERIES_MAX } from "../base/limits.ts";
import { Histogram } from "../metrics/histogram.ts";
import { choiceAt, textAt } from "../team/input.ts";
import type { Effector } from "../threats/effector.ts";
import { askAll, namedAgents } from "./asking.ts";
import { collectiveAgent, fields, type Handler } from "./contract.ts";
import { numberAt, optionalText } from "./fields.ts";
import { measureCommands, standingOf, type WithMeasures, withMeasures } from "./measures.ts";
import { nameAt } from "./message.ts";
import type { RiskBand } from "./risk.ts";

/** What was told of. */
export interface OmniscientAlert {
  /** Time of the clock. */
  readonly at: number;
  /** How bad. */
  readonly severity: RiskBand;
  /** What. */
  readonly text: string;
}

/** What OMNISCIENT remembers. */
export interface OmniscientMemory extends WithMeasures {
  /** By name. */
  readonly series: Map<string, Histogram>;
  /** The last, oldest first. */
  readonly alerts: OmniscientAlert[];
}

type Command = Handler<OmniscientMemory>;

const SEVERITIES: readonly RiskBand[] = ["low", "medium", "high", "critical"];
const ALERT_CHARS_MAX = 4_096;
/** As far as a histogram reaches. */
const VALUE_MAX = 2 ** 32;

const observe: Command = (params, { series }) => {
  const { name, value } = fields(params, "name", "value");
  const key = nameAt("params.name", name);
  const figure = numberAt("params.value", value, 0, VALUE_MAX);
  const known = series.get(key) ?? Histogram.private();
  if (!series.has(key) && series.size >= OMNISCIENT_SERIES_MAX) {
    throw new KernelError("SERIES_FULL", `${OMNISCIENT_SERIES_MAX} series are kept already; use names that there are.`, { name: key });
  }
  series.set(key, known);
  known.record(figure);
  return { name: key, count: known.count };
};

/** Percentiles are null below the samples that they need, as everywhere. */
const seriesQuery: Command = (params, { series }) => {
  const { name } = fields(params, "name");
  const names = name === undefined ? [...series.keys()] : [nameAt("params.name", name)];
  return {
    series: names.flatMap((key) => {
      const histogram = series.get(key);
      if (histogram === undefined) return [];
      const { count, maxUs: max, meanUs: mean } = histogram;
      return [{
        name: key,
        count,
        mean,
        p50: histogram.quantileUs(0.5),
        p95: histogram.quantileUs(0.95),
        p99: histogram.quantileUs(0.99),
        max,
      }];
    }),
  };
};

const send = measureCommands<OmniscientMemory>({ send_alert: { measure: "notify", from: ["source_ip", "host", "user"] } });

const sendAlert: Command = async ({ severity = "medium", text, ...params }, memory, ctx) => {
  const chosen = choiceAt("params.severity", severity, SEVERITIES);
  const event = params.event as { event_type?: unknown } | undefined;
  const said = textAt("params.text", text ?? optionalText("params.event.event_type", event?.event_type), ALERT_CHARS_MAX);
  const target = params.target ?? (event === undefined ? "security-team" : undefined);
  const taken = await send.send_alert({ ...params, ...(target === undefined ? {} : { target }) }, memory, ctx);
  note(memory, { at: ctx.clock.now(), severity: chosen, text: said });
  return taken;
};

function note({ alerts }: OmniscientMemory, alert: OmniscientAlert): void {
  alerts.push(alert);
  if (alerts.length > OMNISCIENT_SERIES_MAX) alerts.shift();
}

const onAlert: Command = (params, memory, ctx) => {
  const severity = choiceAt("payload.severity", params.severity ?? "medium", SEVERITIES);
  note(memory, { at: ctx.clock.now(), severity, text: textAt("payload.text", params.text ?? "", ALERT_CHARS_MAX) });
  return { accepted: true, alerts: memory.alerts.length };
};

const alertsQuery: Command = (params, { alerts }) => {
  const { severity = "low" } = fields(params, "severity");
  const least = SEVERITIES.indexOf(choiceAt("params.severity", severity, SEVERITIES));
  return { alerts: alerts.filter((alert) => SEVERITIES.indexOf(alert.severity) >= least) };
};

const watch: Command = async (params, _memory, ctx) => {
  const { agents, timeoutMs } = fields(params, "agents", "timeoutMs");
  return { agents: await askAll(namedAgents(agents), { type: "Query", payload: { query: "metrics" } }, timeoutMs, ctx) };
};

/** OMNISCIENT, acting through `effector`; in memory without one. */
export function omniscient(effector?: Effector): AgentBehavior {
  return collectiveAgent<OmniscientMemory>({
    name: "OMNISCIENT",
    capabilities: ["monitoring", "metrics_aggregation", "alerting"],
    commands: { observe, send_alert: sendAlert, watch, on_alert: onAlert },
    queries: { series: seriesQuery, alerts: alertsQuery, standing: standingOf() },
    memory: () => ({ series: new Map(), alerts: [], ...withMeasures(effector) }),
  });
}
