/**
 * FORTRESS: watches sources, tells how great a risk each is, raises alerts, keeps what it saw for forensics, and blocks.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import { FORTRESS_SOURCES_MAX, TEAM_ITEMS_MAX } from "../base/limits.ts";
import { listAt } from "../team/input.ts";
import type { Effector } from "../threats/effector.ts";
import { RecentKeys } from "../threats/recent_keys.ts";
import { collectiveAgent, type CollectiveContext, fields, type Handler } from "./contract.ts";
import { bytesAt } from "./fields.ts";
import { examine } from "./malware.ts";
import { loadedMeasures, measureCommands, savedMeasures, standingOf, type WithMeasures, withMeasures } from "./measures.ts";
import { nameAt } from "./message.ts";
import { bandOf, eventAt, type RiskMatch, type SecurityEvent, SourceRecord } from "./risk.ts";

/** What FORTRESS remembers. */
export interface FortressMemory extends WithMeasures {
  /** By source. */
  readonly sources: RecentKeys<SourceRecord>;
}

/** A pattern that newly fits a source, or fits it worse than before. */
export interface FortressAlert extends RiskMatch {
  /** Whose doing. */
  readonly source: string;
  /** Of the source, 0 to 100. */
  readonly risk: number;
}

type Command = Handler<FortressMemory>;

const RANK = { low: 0, medium: 1, high: 2, critical: 3 } as const;

function watch(events: readonly SecurityEvent[], { sources }: FortressMemory, now: number): { alerts: FortressAlert[]; events: number } {
  const alerts = events.flatMap((event) => {
    const source = sources.get(event.source_ip, () => new SourceRecord());
    source.add(event, now);
    const matches = source.matches(now);
    for (const known of source.told.keys()) if (!matches.some(({ pattern }) => pattern === known)) source.told.delete(known);
    return matches.flatMap((match) => {
      const known = source.told.get(match.pattern);
      if (known !== undefined && RANK[known] >= RANK[match.severity]) return [];
      source.told.set(match.pattern, match.severity);
      return [{ source: event.source_ip, risk: source.risk(now), ...match }];
    });
  });
  return { alerts, events: events.length };
}

const detect: Command = (params, memory, ctx: CollectiveContext<FortressMemory>) => {
  const { events } = fields(params, "events");
  const checked = listAt("params.events", events, TEAM_ITEMS_MAX).map((event, index) => eventAt(`params.events[${index}]`, event));
  return watch(checked, memory, ctx.clock.now());
};

const analyzeRisk: Command = (params, { sources }, ctx) => {
  const { source } = fields(params, "source");
  const name = nameAt("params.source", source);
  const record = sources.peek(name);
  const now = ctx.clock.now();
  const risk = record?.risk(now) ?? 0;
  return { source: name, risk, severity: bandOf(risk), patterns: record?.matches(now) ?? [] };
};

const forensics: Command = (params, { sources }) => {
  const { source } = fields(params, "source");
  const name = nameAt("params.source", source);
  const { events, seen } = sources.peek(name)?.timeline() ?? { events: [], seen: 0 };
  return { source: name, seen, firstAt: events.at(0)?.at ?? null, lastAt: events.at(-1)?.at ?? null, events };
};

const measures = measureCommands<FortressMemory>({
  block_ip_source: { measure: "block_source", from: ["source_ip"] },
  unblock_ip_source: { measure: "block_source", lifts: true, from: ["source_ip"] },
  analyze_malware: { measure: "analyze_malware", from: ["host", "system", "source_ip"] },
});

const analyzeMalware: Command = async ({ sample, ...params }, memory, ctx) => {
  if (sample === undefined) return await measures.analyze_malware(params, memory, ctx);
  return await examine(bytesAt("params.sample", sample));
};

/** FORTRESS, acting through `effector`; in memory without one. */
export function fortress(effector?: Effector): AgentBehavior {
  const sources = (): RecentKeys<SourceRecord> => new RecentKeys(FORTRESS_SOURCES_MAX);
  return collectiveAgent<FortressMemory>({
    name: "FORTRESS",
    capabilities: ["threat_detection", "pattern_matching", "risk_analysis", "alert_generation", "forensic_analysis"],
    commands: {
      ...{ detect, analyze_risk: analyzeRisk, forensics, ...measures, analyze_malware: analyzeMalware },
      on_event: (event, memory, ctx) => watch([eventAt("event", event)], memory, ctx.clock.now()),
    },
    queries: { analyze_risk: analyzeRisk, forensics, standing: standingOf() },
    memory: () => ({ sources: sources(), ...withMeasures(effector) }),
    save: savedMeasures,
    load: async (saved) => ({ sources: sources(), ...await loadedMeasures(saved, effector) }),
  });
}
