import { assert, assertEquals, assertRejects } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { BUS_MESSAGE_BYTES_MAX, MODEL_STREAM_CHARS_MAX } from "../../core/base/limits.ts";
import type { StreamPart } from "../../core/models/agent_model.ts";
import { ModelOffice } from "../../core/models/model_office.ts";
import { fakeProvider, openDesk, replyOf } from "../support/model_desk.ts";

const ORDER = { callId: "1:1", agentId: 0, request: { prompt: "x" } };

/** An office whose model says these pieces, all at once, and `read`, which takes the next part of its stream. */
function officeOf(pieces: readonly string[]): { read: () => Promise<StreamPart>; said: Promise<void> } & Disposable {
  const { promise: said, resolve } = Promise.withResolvers<void>();
  const desk = openDesk({
    providers: [fakeProvider((_request, signal, onText) => {
      for (const piece of pieces) onText(piece);
      resolve();
      return signal.aborted ? Promise.reject(signal.reason) : Promise.resolve(replyOf(pieces.join("")));
    })],
  });
  const { calls } = new ModelOffice(desk);
  calls.modelOpen(ORDER);
  return { read: () => calls.modelNext(ORDER.callId) as Promise<StreamPart>, said, [Symbol.dispose]: () => desk.close() };
}

Deno.test("whatever waits for a slow reader comes in parts that fit into messages, no character cut in two, the reply last", async () => {
  const pieces = ["a".repeat(300_000), ...Array.from({ length: 1_000 }, () => "€".repeat(70)), `b${"😀".repeat(150_000)}`];
  using office = officeOf(pieces);
  await office.said;
  let text = "";
  for (;;) {
    const part = await office.read();
    assert(new TextEncoder().encode(JSON.stringify(part.pieces)).length < BUS_MESSAGE_BYTES_MAX);
    for (const piece of part.pieces) assert(piece.isWellFormed());
    text += part.pieces.join("");
    if (part.reply === undefined) continue;
    assertEquals(part.pieces, []);
    assert(part.reply.text === text && text === pieces.join(""));
    return;
  }
});

Deno.test("a reader that is too slow is told so, behind what it has not read", async () => {
  const pieces = Array.from({ length: 20 }, () => "y".repeat(60_000));
  using office = officeOf(pieces);
  await office.said;
  let chars = 0;
  const reading = async (): Promise<void> => {
    for (;;) for (const piece of (await office.read()).pieces) chars += piece.length;
  };
  const error = await assertRejects(reading, KernelError, `more than ${MODEL_STREAM_CHARS_MAX} characters`);
  assertEquals([error.code, chars], ["STREAM_TOO_LONG", pieces.length * 60_000]);
});
