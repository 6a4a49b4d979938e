import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ConfigError } from "../../core/base/errors.ts";
import {
  AGENT_SLOT,
  AGENT_SLOTS_MAX,
  agentSlotAt,
  CACHE_LINE_BYTES,
  FRAME_BYTES_MAX,
  HEADER,
  HOST,
  hostField,
  HOSTS_MAX,
  type Layout,
  METRICS_BLOCK_BYTES,
  metricsAt,
  planLayout,
  type Region,
  ringAt,
  SHAPE_TABLE,
  shapeTableAt,
  SLAB_BYTES,
  slabAt,
  SLABS_PER_MESSAGE_MAX,
  slabStateAt,
} from "../../core/memory/layout.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** A piece of the arena and what it is, for messages. */
interface Piece extends Region {
  readonly name: string;
}

const REGIONS = ["header", "buckets", "queues", "agents", "metrics", "shapes", "slabPool", "store"] as const;

function regions(layout: Layout): Piece[] {
  return REGIONS.map((name) => ({ name, ...layout[name] }));
}

/** No two pieces share a byte, and all lie inside `home`. */
function assertApart(pieces: Piece[], home: Region): void {
  const sorted = [...pieces].sort((a, b) => a.offset - b.offset);
  for (const [index, piece] of sorted.entries()) {
    const begin = index === 0 ? home.offset : sorted[index - 1].offset + sorted[index - 1].bytes;
    assert(
      piece.offset >= begin,
      `${piece.name} at ${piece.offset} begins before ${begin}, the end of ${sorted[index - 1]?.name ?? "nothing"}`,
    );
    assert(piece.offset + piece.bytes <= home.offset + home.bytes, `${piece.name} ends outside of its region`);
  }
}

function queuePieces(layout: Layout): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < layout.hosts; from++) {
    for (const [name, field] of Object.entries(HOST)) {
      pieces.push({ name: `host ${from} ${name}`, offset: hostField(layout, from, field), bytes: 4 });
    }
    for (let to = 0; to < layout.hosts; to++) {
      for (const lane of [0, 1]) {
        const name = `ring ${from} to ${to}, lane ${lane}`;
        const place = ringAt(layout, from, to, lane);
        assertEquals(place.bytes, layout.ringBytes[lane], name);
        assertEquals(Math.log2(place.bytes) % 1, 0, `${name}: not a power of two`);
        assert(place.bytes >= 2 * FRAME_BYTES_MAX, `${name}: smaller than two of the longest frames`);
        pieces.push({ name: `${name}, head`, offset: place.head, bytes: CACHE_LINE_BYTES });
        pieces.push({ name: `${name}, tail`, offset: place.tail, bytes: CACHE_LINE_BYTES });
        pieces.push({ name: `${name}, data and slack`, offset: place.data, bytes: place.bytes + FRAME_BYTES_MAX });
      }
    }
  }
  return pieces;
}

/** Arenas that can be planned; the sizes are not round on purpose. */
const arbitraryRequest = fc.record({
  hosts: fc.integer({ min: 1, max: 12 }),
  agentSlots: fc.integer({ min: 1, max: 100_000 }),
  sharedBufferBytes: fc.integer({ min: 64 * MIB, max: 512 * MIB }),
  storeBytes: fc.integer({ min: 0, max: 64 * MIB }),
});

Deno.test("the default plan has the sizes of the owner's document", () => {
  const layout = planLayout({ hosts: 2, agentSlots: 12_000, sharedBufferBytes: 128 * MIB, storeBytes: 64 * MIB });
  assertEquals(layout.header, { offset: 0, bytes: 64 });
  assertEquals(layout.buckets.bytes, 64 * KIB);
  assertEquals(layout.queues.bytes, 64 * MIB);
  assertEquals(layout.agents.bytes, 32 * MIB);
  assertEquals(layout.metrics.bytes, 8 * MIB);
  assertEquals(layout.store, { offset: 128 * MIB, bytes: 64 * MIB });
  assertEquals(layout.totalBytes, 192 * MIB);
  assert(layout.slabs >= 1_400, `only ${layout.slabs} slabs`);
});

Deno.test("regions follow each other without a gap, each on a cache line", () => {
  fc.assert(fc.property(planned(), (layout) => {
    let end = 0;
    for (const region of regions(layout)) {
      assertEquals(region.offset, end, `${region.name} does not begin where the one before it ends`);
      assertEquals(region.offset % CACHE_LINE_BYTES, 0, `${region.name} is not aligned`);
      end += region.bytes;
    }
    assertEquals(end, layout.totalBytes);
  }));
});

Deno.test("rings and control words lie inside the queues and share no byte; words of different writers share no cache line", () => {
  fc.assert(
    fc.property(planned(), (layout) => {
      assertApart(queuePieces(layout), layout.queues);
      const words = queuePieces(layout).filter((piece) => /head|tail|bell|sleeping|beat|state|agents|ping|pong$/.test(piece.name));
      assertEquals(
        new Set(words.map((piece) => Math.floor(piece.offset / CACHE_LINE_BYTES))).size,
        words.length,
        "two writers on one line",
      );
      for (const piece of queuePieces(layout)) assertEquals(piece.offset % 4, 0, `${piece.name} is not aligned`);
    }),
    { numRuns: 40 },
  );
});

Deno.test("agent slots, metrics blocks, tables of shapes, slab states and slabs lie inside their regions", () => {
  fc.assert(fc.property(planned(), (layout) => {
    const { agentSlots, hosts, slabs } = layout;
    const lastSlot = { name: "last agent slot", offset: agentSlotAt(layout, agentSlots - 1, 0), bytes: CACHE_LINE_BYTES };
    assertApart([
      { name: "first agent slot", offset: agentSlotAt(layout, 0, 0), bytes: CACHE_LINE_BYTES },
      ...agentSlots > 1 ? [lastSlot] : [],
    ], layout.agents);
    for (const field of Object.values(AGENT_SLOT)) assert(field < CACHE_LINE_BYTES, "a field outside of its slot");
    assertApart(
      Array.from(
        { length: hosts },
        (_unused, host) => ({ name: `metrics ${host}`, offset: metricsAt(layout, host), bytes: METRICS_BLOCK_BYTES }),
      ),
      layout.metrics,
    );
    assertApart(
      Array.from({ length: hosts }, (_unused, host) => ({
        name: `shapes ${host}`,
        offset: shapeTableAt(layout, host, SHAPE_TABLE.used),
        bytes: layout.shapeTableBytes,
      })),
      layout.shapes,
    );
    assert(layout.shapeTableBytes >= 4_096 && layout.shapeTableBytes <= 65_536, "a word's number has 13 bits");
    assert(slabs >= SLABS_PER_MESSAGE_MAX);
    const states = { name: "slab states", offset: slabStateAt(layout, 0), bytes: slabs * 4 };
    assertEquals(slabStateAt(layout, slabs - 1), states.offset + states.bytes - 4);
    const data = Array.from(
      { length: slabs },
      (_unused, slab) => ({ name: `slab ${slab}`, offset: slabAt(layout, slab), bytes: SLAB_BYTES }),
    );
    for (const slab of data) assertEquals(slab.offset % CACHE_LINE_BYTES, 0);
    assertApart([states, ...data], layout.slabPool);
  }));
});

Deno.test("header words lie in the header, each its own", () => {
  const fields = Object.entries(HEADER).map(([name, offset]) => ({ name, offset, bytes: 4 }));
  assertApart(fields, { offset: 0, bytes: 64 });
});

Deno.test("an arena that is too small names its option and the bytes needed, and those suffice", () => {
  const request = fc.record({
    hosts: fc.integer({ min: 1, max: HOSTS_MAX }),
    agentSlots: fc.oneof(fc.integer({ min: 1, max: 50_000 }), fc.integer({ min: 1, max: AGENT_SLOTS_MAX })),
    sharedBufferBytes: fc.integer({ min: 0, max: MIB }),
    storeBytes: fc.constant(0),
  });
  fc.assert(fc.property(request, (asked) => {
    const error = assertThrows(() => planLayout(asked), ConfigError);
    assertEquals(error.option, "sharedBufferSize");
    const neededBytes = error.data.neededBytes as number;
    assert(error.message.includes(String(neededBytes)), error.message);
    planLayout({ ...asked, sharedBufferBytes: neededBytes });
  }));
});

Deno.test("too many hosts or agents name their options", () => {
  const fits = { hosts: 2, agentSlots: 100, sharedBufferBytes: 128 * MIB, storeBytes: 0 };
  assertEquals(assertThrows(() => planLayout({ ...fits, hosts: HOSTS_MAX + 1 }), ConfigError).option, "threads");
  assertEquals(assertThrows(() => planLayout({ ...fits, hosts: 0 }), ConfigError).option, "threads");
  assertEquals(assertThrows(() => planLayout({ ...fits, agentSlots: AGENT_SLOTS_MAX + 1 }), ConfigError).option, "maxConcurrentAgents");
});

/** Plans of arbitrary requests; where the request does not fit, of the bytes that the refusal asks for. */
function planned(): fc.Arbitrary<Layout> {
  return arbitraryRequest.map((request) => {
    try {
      return planLayout(request);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return planLayout({ ...request, sharedBufferBytes: error.data.neededBytes as number });
    }
  });
}
