import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { HeadAndTail, OutputCapture } from "../../core/processes/output_capture.ts";
import { FakeClock } from "../../core/testing.ts";
import { testWith } from "../support/permissions.ts";
import { withFolder } from "../support/run_deno.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("what fits is kept as it is, and the middle of what does not is left out and named", () => {
  const small = new HeadAndTail(10);
  for (const piece of ["ab", "cdef", "ghij"]) small.add(bytes(piece));
  assertEquals(small.text(), { text: "abcdefghij", leftOut: 0, invalid: false });
  small.add(bytes("k"));
  assertEquals(small.text(), { text: "abcde\n[… 1 bytes left out, see the log …]\nghijk", leftOut: 1, invalid: false });
});

Deno.test("the first and the last half are kept, however the bytes come", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 }), fc.integer({ min: 1, max: 50 }), (pieces, half) => {
    const kept = new HeadAndTail(2 * half);
    for (const piece of pieces) kept.add(piece.map((byte) => byte & 0x7f));
    const all = pieces.flatMap((piece) => [...piece].map((byte) => byte & 0x7f));
    const text = (part: number[]) => String.fromCharCode(...part);
    const leftOut = Math.max(0, all.length - 2 * half);
    const expected = leftOut === 0
      ? text(all)
      : `${text(all.slice(0, half))}\n[… ${leftOut} bytes left out, see the log …]\n${text(all.slice(-half))}`;
    assertEquals(kept.text(), { text: expected, leftOut, invalid: false });
    assertEquals(kept.bytes, all.length);
  }));
});

Deno.test("a cut within a character is no invalid byte, and invalid bytes are told", () => {
  for (const character of ["é", "€", "😀"]) {
    for (let half = 4; half < 12; half++) {
      const kept = new HeadAndTail(2 * half);
      kept.add(bytes(character.repeat(20)));
      assertEquals(kept.text().invalid, false, `${character} ${half}`);
      assertEquals(kept.text().text.includes("\ufffd"), false);
    }
  }
  const broken = new HeadAndTail();
  broken.add(new Uint8Array([0x61, 0xff, 0xfe, 0x62]));
  assertEquals(broken.text(), { text: "a\ufffd\ufffdb", leftOut: 0, invalid: true });
});

testWith({ read: true, write: true }, "the log holds every byte, notes on lines of their own, and figures tell bursts", async () => {
  await withFolder(async (folder) => {
    const clock = new FakeClock(0);
    const capture = OutputCapture.open(`${folder}/log`, "head\n", clock);
    for (const [atMs, piece] of [[10, "a"], [20, "b"], [500, "c\n"]] as const) {
      clock.advance(atMs - clock.now());
      await capture.add(bytes(piece), "stdout");
    }
    await capture.add(new Uint8Array([0xff]), "stderr");
    await capture.note("noted");
    await capture.close("foot\n");
    assertEquals(capture.figures, { totalBytes: 5, bursts: 2, firstAt: 10, lastAt: 500 });
    const log = await Deno.readFile(`${folder}/log`);
    assertEquals(log.includes(0xff), true);
    assertStringIncludes(new TextDecoder().decode(log), "head\nabc\n[STDERR] \ufffd\n[COORDINATOR] noted\nfoot\n");
  });
});
