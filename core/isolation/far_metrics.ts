/**
 * What an agent that is apart counts: checked here, gathered, and told in one piece with the next frame.
 *
 * @module
 */
import { ISOLATED_COUNTS_WAITING_MAX } from "../base/limits.ts";
import { type AgentMetrics, type Counter, type Distribution, type Gauge, type MetricLabels, MetricsRegistry } from "../metrics/registry.ts";
import type { FarLine } from "./far_line.ts";
import type { Counted } from "./service.ts";

type Waiting = { -readonly [Key in keyof Counted]: Counted[Key] } & { values: number[] };

/** The counts of one agent. */
export class FarMetrics implements AgentMetrics {
  /** Bounds names and series as a thread's do, and refuses what they refuse. */
  readonly #registry = new MetricsRegistry();
  readonly #waiting = new Map<object, Waiting>();
  #numbers = 0;
  #isQueued = false;

  /** They go out over `line`. */
  constructor(private readonly line: FarLine) {
    line.onFlush = () => this.#flush();
  }

  counter(name: string, labels?: MetricLabels): Counter {
    const counter = this.#registry.counter(name, labels);
    return {
      add: (by = 1) => {
        counter.add(by);
        this.#note(counter, { kind: "counter", name, labels }).add += by;
      },
    };
  }

  gauge(name: string, labels?: MetricLabels): Gauge {
    const gauge = this.#registry.gauge(name, labels);
    return {
      set: (value) => {
        gauge.set(value);
        Object.assign(this.#note(gauge, { kind: "gauge", name, labels }), { set: value, add: 0 });
      },
      add: (by) => {
        gauge.add(by);
        this.#note(gauge, { kind: "gauge", name, labels }).add += by;
      },
    };
  }

  histogram(name: string, labels?: MetricLabels): Distribution {
    const histogram = this.#registry.histogram(name, labels);
    return {
      record: (value) => {
        histogram.record(value);
        this.#note(histogram, { kind: "histogram", name, labels }).values.push(value);
        if (++this.#numbers >= ISOLATED_COUNTS_WAITING_MAX) this.line.callNow(0, "metrics", [this.#take()]);
      },
    };
  }

  #note(series: object, what: Pick<Counted, "kind" | "name" | "labels">): Waiting {
    let waiting = this.#waiting.get(series);
    if (waiting === undefined) this.#waiting.set(series, waiting = { ...what, add: 0, values: [] });
    if (!this.#isQueued) {
      this.#isQueued = true;
      queueMicrotask(() => this.#flush());
    }
    return waiting;
  }

  #take(): Counted[] {
    const counted = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#numbers = 0;
    return counted;
  }

  #flush(): void {
    this.#isQueued = false;
    if (this.#waiting.size > 0) this.line.tell(0, "metrics", [this.#take()]);
  }
}
