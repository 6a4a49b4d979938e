/**
 * How much time a request deserves at first, guessed from its words: the score of the owner's document on parallel agents.
 *
 * @module
 */
import type { AgentRequest } from "./agent_request.ts";

/** What a score amounts to. */
export type ComplexityLevel = "simple" | "moderate" | "complex";

/** A request's score. */
export interface Complexity {
  /** Sum of the points. */
  readonly score: number;
  /** From 6 points complex, from 3 moderate. */
  readonly level: ComplexityLevel;
}

interface Indicator {
  readonly points: number;
  holds(request: AgentRequest): boolean;
}

const REQUIREMENTS_FEW = 3;
const CONTEXT_CHARS_FEW = 1_000;

function words(points: number, pattern: RegExp): Indicator {
  return { points, holds: ({ task }) => pattern.test(task.objective) };
}

const INDICATORS: readonly Indicator[] = [
  words(4, /spawn|coordinate|delegate|parallel|multi-agent/i),
  words(3, /research|analy[sz]e|investigate|explore|search/i),
  words(3, /implement|create|build|develop|code/i),
  words(2, /\b(?:then|after|next|finally|steps?|phases?)\b|multi-step/i),
  words(2, /\bfiles?\b|\b(?:read|write|create|modify|edit|save|delete)\b/i),
  words(2, /tests?\b|verify|validate|check/i),
  { points: 2, holds: ({ task }) => task.requirements.length > REQUIREMENTS_FEW },
  { points: 1, holds: ({ task }) => JSON.stringify(task.context).length > CONTEXT_CHARS_FEW },
];

/** The first deadline is so many times the initial time-out. */
const FACTOR: Readonly<Record<ComplexityLevel, number>> = { simple: 1, moderate: 2, complex: 3 };

/** Scores a request. */
export function complexityOf(request: AgentRequest): Complexity {
  const score = INDICATORS.reduce((sum, indicator) => sum + (indicator.holds(request) ? indicator.points : 0), 0);
  return { score, level: score >= 6 ? "complex" : score >= 3 ? "moderate" : "simple" };
}

/** The first deadline in ms: the initial time-out once, twice or three times, never beyond the longest. */
export function firstTimeoutMs({ level }: Complexity, initialTimeoutMs: number, maxTimeoutMs: number): number {
  return Math.min(FACTOR[level] * initialTimeoutMs, maxTimeoutMs);
}
