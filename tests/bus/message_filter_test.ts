import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { compileFilter, type Filterable, type MessageFilter } from "../../core/bus/message_filter.ts";

const MESSAGE: Filterable = {
  topic: "orders.eu",
  payload: { amount: 12, big: 12n, name: "Ada Lovelace", tags: ["new", 7], deep: { nothing: null, on: true }, gone: undefined },
  priority: 2,
  from: 9,
  correlationId: "c-1",
};

function holds(field: string, op: string, value?: unknown, message = MESSAGE): boolean {
  return compileFilter({ field, op, value } as MessageFilter)(message);
}

Deno.test("each operator, where it holds and where it does not", () => {
  const table: readonly [field: string, op: string, value: unknown, expected: boolean][] = [
    ["payload.amount", "eq", 12, true],
    ["payload.amount", "eq", "12", false],
    ["payload.deep.nothing", "eq", null, true],
    ["payload.amount", "ne", 12, false],
    ["payload.missing", "ne", 12, true],
    ["payload.amount", "gt", 11.5, true],
    ["payload.amount", "gt", 12, false],
    ["payload.amount", "gte", 12, true],
    ["payload.amount", "lt", 12, false],
    ["payload.amount", "lte", 12, true],
    ["payload.big", "gt", 11, true],
    ["payload.name", "gt", 1, false],
    ["payload.name", "gt", "Aaa", true],
    ["payload.missing", "lt", 5, false],
    ["payload.name", "contains", "Love", true],
    ["payload.name", "contains", "love", false],
    ["payload.tags", "contains", 7, true],
    ["payload.tags", "contains", "7", false],
    ["payload.amount", "contains", 1, false],
    ["payload.name", "matches", "^Ada\\b", true],
    ["payload.amount", "matches", "12", false],
    ["payload.amount", "in", [1, 12], true],
    ["payload.amount", "in", [], false],
    ["payload.tags.0", "eq", "new", true],
    ["payload.deep.on", "exists", undefined, true],
    ["payload.deep.nothing", "exists", true, true],
    ["payload.gone", "exists", true, false],
    ["payload.missing.deeper", "exists", false, true],
    ["payload.constructor", "exists", true, false],
    ["payload.__proto__", "exists", true, false],
    ["topic", "matches", "\\.eu$", true],
    ["priority", "gte", 2, true],
    ["from", "eq", 9, true],
    ["correlationId", "eq", "c-1", true],
    ["causationId", "exists", true, false],
  ];
  for (const [field, op, value, expected] of table) assertEquals(holds(field, op, value), expected, `${field} ${op} ${value}`);
});

Deno.test("conditions combine by and and or, nested", () => {
  const test = compileFilter({
    and: [
      { field: "topic", op: "contains", value: "orders" },
      { or: [{ field: "payload.amount", op: "gt", value: 100 }, { field: "payload.deep.on", op: "eq", value: true }] },
    ],
  });
  assert(test(MESSAGE));
  assertEquals(test({ ...MESSAGE, payload: { amount: 50 } }), false);
  assertEquals(test({ ...MESSAGE, payload: new Uint8Array(4) }), false);
});

Deno.test("a filter that is none says where", () => {
  const wrong: readonly [filter: unknown, field: string][] = [
    [null, "filter"],
    [{ field: "body.x", op: "eq", value: 1 }, "filter.field"],
    [{ field: "topic", op: "like", value: 1 }, "filter.op"],
    [{ field: "topic", op: "eq" }, "filter.value"],
    [{ field: "topic", op: "eq", value: {} }, "filter.value"],
    [{ field: "topic", op: "in", value: "abc" }, "filter.value"],
    [{ field: "topic", op: "in", value: [{}] }, "filter.value[0]"],
    [{ field: "topic", op: "gt", value: true }, "filter.value"],
    [{ field: "topic", op: "exists", value: 1 }, "filter.value"],
    [{ field: "topic", op: "matches", value: "(" }, "filter.value"],
    [{ field: "topic", op: "matches", value: 5 }, "filter.value"],
    [{ and: [] }, "filter"],
    [{ and: [{ field: "topic", op: "exists" }, { or: [{ field: "?", op: "eq" }] }] }, "filter.and[1].or[0].field"],
    [{ or: Array(70).fill({ field: "topic", op: "exists" }) }, "filter"],
  ];
  for (const [filter, field] of wrong) {
    assertEquals(assertThrows(() => compileFilter(filter as MessageFilter), InvalidArgumentError).field, field, JSON.stringify(filter));
  }
});
