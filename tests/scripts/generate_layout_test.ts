import { assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { HOST, LAYOUT_VERSION } from "../../core/memory/layout.ts";
import { LAYOUT_BLOCKS, LAYOUT_CONSTANTS, layoutHash } from "../../core/memory/layout_table.ts";
import { layoutHeader } from "../../scripts/generate_layout.ts";
import { testWith } from "../support/permissions.ts";

testWith({ read: true }, "native/layout.h is made from the layout on disk", async () => {
  const text = await Deno.readTextFile(new URL("../../native/layout.h", import.meta.url));
  assertEquals(text, layoutHeader(), "native/layout.h is stale: run `deno task layout` and commit it");
});

Deno.test("the header holds every field of every block to its offset, and the hash", () => {
  const header = layoutHeader();
  const asserts = header.split("\n").filter((line) => line.includes("offsetof"));
  const fields = Object.values(LAYOUT_BLOCKS).map((block) => Object.keys(block).length);
  assertEquals(asserts.length, fields.reduce((sum, count) => sum + count, 0));
  assertStringIncludes(header, `_Static_assert(offsetof(struct s3k_host, pong_time) == ${HOST.pongTime}, "host.pongTime");`);
  assertStringIncludes(header, `#define S3K_LAYOUT_VERSION ${LAYOUT_VERSION}u\n`);
  assertStringIncludes(header, `#define S3K_LAYOUT_HASH 0x${layoutHash().toString(16).padStart(8, "0")}u\n`);
});

Deno.test("another offset, name or number is another layout", () => {
  const was = layoutHash();
  const changes: [Record<string, number>, string, number][] = [
    [LAYOUT_CONSTANTS as Record<string, number>, "layoutVersion", LAYOUT_VERSION + 1],
    [LAYOUT_BLOCKS.host as Record<string, number>, "beat", HOST.beat + 4],
  ];
  for (const [table, name, value] of changes) {
    const before = table[name];
    table[name] = value;
    try {
      assertNotEquals(layoutHash(), was);
    } finally {
      table[name] = before;
    }
  }
  assertEquals(layoutHash(), was);
});
