import { assert, assertEquals } from "@std/assert";
import { COUNTERS } from "../../core/metrics/counters.ts";
import { plainCodec } from "../../core/bus/codec.ts";
import { emptyEnvelope, KIND } from "../../core/bus/envelope.ts";
import { Inbound } from "../../core/bus/inbound.ts";
import { Outbound } from "../../core/bus/outbound.ts";
import { Doorbell } from "../../core/memory/doorbell.ts";
import { HEADER, HOST, hostField, planLayout } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";

/** Two hosts: 0 sends, 1 receives. */
function pair(): { outbound: Outbound; inbound: Inbound; got: unknown[]; sleeps: (host: number) => boolean; lies: (host: number) => void } {
  const layout = planLayout({ hosts: 2, agentSlots: 1, sharedBufferBytes: 16 << 20, storeBytes: 0 });
  const memory = allocateMemory(layout.totalBytes);
  memory.words[HEADER.hostsStarted >> 2] = 2;
  const got: unknown[] = [];
  return {
    outbound: new Outbound(memory, layout, 0, plainCodec),
    inbound: new Inbound(
      memory,
      layout,
      1,
      plainCodec,
      (_envelope, payload) => void got.push(payload()),
      () => true,
      new Float64Array(COUNTERS.length),
    ),
    got,
    lies: (host) => void new Doorbell(memory, layout, host).arm(),
    sleeps: (host) => memory.words[hostField(layout, host, HOST.sleeping) >> 2] === 1,
  };
}

const envelope = { ...emptyEnvelope(), kind: KIND.message };

Deno.test("a sleeping receiver is woken in the middle of a long burst, and sees what came so far", () => {
  const { outbound, inbound, got, sleeps, lies } = pair();
  lies(1);
  let sent = 0;
  while (sleeps(1) && sent < 1_000) outbound.trySend(1, envelope, sent++);
  assert(sent > 1 && sent < 1_000, `${sent} sent`);
  inbound.drain(10_000);
  assertEquals(got, Array.from({ length: sent }, (_, index) => index));
});

Deno.test("a sender that found its ring full is woken once, when half of it is free", () => {
  const { outbound, inbound, got, sleeps, lies } = pair();
  let sent = 0;
  while (outbound.trySend(1, envelope, sent)) sent++;
  outbound.flush();
  lies(0);
  while (sleeps(0)) assert(inbound.drain(16) > 0, "all was taken, and nobody woke the sender");
  assert(got.length > sent * 0.4 && got.length < sent * 0.6, `${got.length} of ${sent}`);
  lies(0);
  while (inbound.drain(256) > 0);
  assert(sleeps(0), "woken without having asked");
  assertEquals(got.length, sent);
});

Deno.test("room that came free between two looks is taken at once", () => {
  const { outbound, inbound, got } = pair();
  let sent = 0;
  while (outbound.trySend(1, envelope, sent)) sent++;
  outbound.flush();
  inbound.drain(256);
  assert(outbound.trySend(1, envelope, sent++));
  outbound.flush();
  while (inbound.drain(256) > 0);
  assertEquals(got.at(-1), sent - 1);
});
