/** The near end of a line against a far end that says what it likes. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import type { AgentContext } from "../../core/agents/agent.ts";
import { IsolationLostError } from "../../core/agents/isolation.ts";
import { KernelError } from "../../core/base/errors.ts";
import { ISOLATED_CALLS_OPEN_MAX } from "../../core/base/limits.ts";
import type { EnclosureEvents } from "../../core/isolation/enclosure.ts";
import { decodeFrame, encodeFrame, type FromApart, type ToApart } from "../../core/isolation/frames.ts";
import { Line, type LineParts } from "../../core/isolation/line.ts";
import { ModelCalls } from "../../core/isolation/model_calls.ts";
import { packFrame, PipeFrames } from "../../core/isolation/pipe_frames.ts";
import { serve } from "../../core/isolation/service.ts";
import { FakeClock } from "../../core/testing.ts";

/** A line whose far end is the test. */
function lined(serving: LineParts["serve"] = () => "served"): {
  line: Line;
  clock: FakeClock;
  sent: ToApart[];
  answered: unknown[];
  lost: string[];
  faults: string[];
  say: (frame: FromApart) => void;
  events: EnclosureEvents;
  ends: () => number;
} {
  const clock = new FakeClock();
  const [sent, answered, lost, faults] = [[] as ToApart[], [] as unknown[], [] as string[], [] as string[]];
  let events!: EnclosureEvents;
  let ended = 0;
  const line = new Line({
    ...{ clock, serve: serving, onEnd: () => undefined },
    open: (given) => {
      events = given;
      return {
        send: (bytes) => sent.push(decodeFrame(bytes) as ToApart),
        answer: (bytes) => answered.push(decodeFrame(bytes)),
        end: () => Promise.resolve(void ended++),
      };
    },
    lost: (why) => new IsolationLostError(7, "process", why),
    stopped: () => new KernelError("AGENT_STOPPED", "stopped"),
    onFault: (method) => faults.push(method),
    onLost: ({ why }) => lost.push(why),
  });
  const say = (frame: FromApart): void => events.onFrame(encodeFrame(frame));
  return { line, clock, sent, answered, lost, faults, say, events, ends: () => ended };
}

Deno.test("work is answered by number, whatever the order; a death rejects what is open and is told once", async () => {
  const { line, say, sent, events, lost, ends } = lined();
  const [first, second, third] = [line.request({ what: "stop" }), line.request({ what: "stop" }), line.request({ what: "stop" })];
  assertEquals(sent.map((frame) => frame.op === "do" && frame.n), [1, 2, 3]);
  say({ op: "done", n: 2, failed: false, value: "b" });
  say({ op: "done", n: 1, failed: true, value: new RangeError("a") });
  say({ op: "done", n: 9, failed: true, value: "nobody's" });
  await assertRejects(() => first, RangeError, "a");
  assertEquals(await second, "b");
  events.onEnd("it fell over");
  events.onEnd("again");
  await assertRejects(() => third, IsolationLostError, "it fell over");
  await assertRejects(() => line.request({ what: "stop" }), IsolationLostError, "it fell over");
  await line.end();
  assertEquals([lost, ends()], [[], 1]);
});

Deno.test("a death while only a snapshot is asked for is the agent's to hear", async () => {
  const { line, events, lost } = lined();
  const snapshot = assertRejects(() => line.request({ what: "snapshot" }), IsolationLostError);
  events.onEnd("idle");
  await snapshot;
  assertEquals(lost, ["idle"]);
});

Deno.test("an end on purpose is no loss", async () => {
  const { line, lost } = lined();
  const open = assertRejects(() => line.request({ what: "stop" }), KernelError, "stopped");
  await line.end();
  await open;
  assertEquals(lost, []);
});

Deno.test("a far end that is silent is given up after its time-out, one that answers is not", async () => {
  const { line, clock, say, sent, lost } = lined();
  line.watch(400);
  for (let look = 0; look < 20; look++) {
    clock.advance(100);
    say({ op: "pong" });
  }
  assertEquals(lost, []);
  assert(sent.length >= 20 && sent.every(({ op }) => op === "ping"));
  clock.advance(400);
  assertEquals(lost, []);
  clock.advance(200);
  assertEquals(lost, ["it has not turned for 400 ms: a handler hangs or its code has died"]);
  await line.end();
});

Deno.test("calls are served, given up, bounded; a failure that nobody waits for is told", async () => {
  const signals: AbortSignal[] = [];
  const { line, say, sent, answered, faults } = lined((method, _args, _ctx, signal) => {
    signals.push(signal);
    if (method === "throw") throw new RangeError("no");
    if (method === "function") return () => 1;
    return method === "wait" ? new Promise(() => {}) : method;
  });
  const call = (number: number, method: string, blocks?: true): void =>
    say({ op: "call", call: number, n: 0, method, args: [], ...(blocks && { blocks }) });
  call(1, "name");
  call(2, "function");
  call(0, "throw");
  call(0, "blocking", true);
  assertEquals(answered, [{ failed: false, value: "blocking" }]);
  assertEquals(faults, ["throw"]);
  assertEquals(sent[0], { op: "answer", call: 1, failed: false, value: "name" });
  assert(sent[1].op === "answer" && sent[1].failed && (sent[1].value as KernelError).code === "PAYLOAD_NOT_CLONEABLE");
  call(3, "wait");
  say({ op: "cancel", call: 3, reason: "enough" });
  assertEquals([signals.at(-1)!.aborted, signals.at(-1)!.reason], [true, "enough"]);
  for (let number = 4; number < ISOLATED_CALLS_OPEN_MAX + 4; number++) call(number, "wait");
  const last = sent.at(-1)!;
  assert(last.op === "answer" && last.failed && (last.value as KernelError).code === "SENDS_PENDING");
  await line.end();
  assert(signals.at(-1)!.aborted);
});

Deno.test("whatever a far end sends, the near end stands: it is served, ignored or given up", async () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.record({
      op: fc.constantFrom("done", "call", "cancel", "pong", "other"),
      n: fc.anything(),
      call: fc.anything(),
      failed: fc.anything(),
    })
      .chain((head) =>
        fc.record({
          method: fc.oneof(
            fc.constantFrom("send", "reply", "store.get", "model", "modelNext", "metrics", "spawn", "__proto__"),
            fc.anything(),
          ),
          args: fc.oneof(fc.array(fc.anything()), fc.anything()),
          ...{ value: fc.anything(), refused: fc.anything(), blocks: fc.anything(), reason: fc.anything() },
        }).map((rest) => ({ ...head, ...rest }))
      ),
  );
  const refusing = new Proxy({}, {
    get: () => () => {
      throw new KernelError("AGENT_STOPPED", "gone");
    },
  }) as AgentContext;
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 8 }), async (frames) => {
      const models = new ModelCalls(7, {
        model: () => Promise.reject(new Error("no")),
        modelNext: () => Promise.resolve({}),
        modelCancel: () => 0,
      });
      const { line, events, ends } = lined((method, args, ctx, signal) => serve({ method, args, ctx, signal, grade: "process", models }));
      line.life = refusing;
      const work = line.request({ what: "stop" }).then(() => "done", () => "failed");
      for (const one of frames) {
        try {
          events.onFrame(one instanceof Uint8Array ? one : encodeFrame(one as unknown as FromApart));
        } catch (error) {
          // Some of what is made here cannot be carried at all: then nothing was sent.
          assert(error instanceof KernelError && /PAYLOAD_NOT|LARGE/.test(error.code), String(error));
        }
      }
      await line.end();
      assert(["done", "failed"].includes(await work));
      assertEquals(ends(), 1);
    }),
    { numRuns: 300 },
  );
});

Deno.test("frames come out of a pipe as they went in, however it cuts them", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
      (all, sizes) => {
        const packed = all.map((bytes, at) => packFrame(at & 3, bytes));
        const stream = new Uint8Array(packed.reduce((sum, { length }) => sum + length, 0));
        packed.reduce((at, bytes) => (stream.set(bytes, at), at + bytes.length), 0);
        const found: [number, number[]][] = [];
        const frames = new PipeFrames((kind, bytes) => found.push([kind, [...bytes]]));
        for (let at = 0; at < stream.length;) {
          const size = sizes.next().value!;
          frames.push(stream.subarray(at, at + size));
          at += size;
        }
        assertEquals(found, all.map((bytes, at) => [at & 3, [...bytes]]));
      },
    ),
  );
});
