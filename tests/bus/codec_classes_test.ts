import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { arena, codec, refusal, testEachCodec } from "../support/codec_samples.ts";

testEachCodec("what cannot be copied is refused with its place and kind", () => {
  const callback = (): void => {};
  const cases: [value: unknown, path: string, kind: string][] = [
    [callback, "", "a function"],
    [{ items: [1, 2, 3, { callback }] }, ".items[3].callback", "a function"],
    [{ "two words": Symbol("s") }, '["two words"]', "a symbol"],
    [{ 7: { ünï: callback } }, "[7].ünï", "a function"],
    [{ map: new Map([[1, 2], [3, callback as unknown as number]]) }, ".map.values()[1]", "a function"],
    [new Map([[callback, 1]]), ".keys()[0]", "a function"],
    [[new Set([1, callback])], "[0].values()[1]", "a function"],
    [Object.assign([1, 2], { extra: callback }), ".extra", "a function"],
    [new Error("m", { cause: { callback } }), ".cause.callback", "a function"],
    [[Promise.resolve()], "[0]", "a Promise"],
    [{ w: new WeakMap() }, ".w", "a WeakMap"],
    [{ w: new WeakSet() }, ".w", "a WeakSet"],
    [{ w: new WeakRef({}) }, ".w", "a WeakRef"],
    [{ s: arena.bytes.buffer }, ".s", "a SharedArrayBuffer"],
    [{ s: Object(Symbol("s")) }, ".s", "a Symbol"],
    [{ u: new URL("http://localhost") }, ".u", "a URL"],
    [{ g: [1].values() }, ".g", "an Array Iterator"],
    [{ g: (function* () {})() }, ".g", "a Generator"],
    [{ i: new Intl.NumberFormat("en") }, ".i", "an Intl.NumberFormat"],
    [{ m: new Proxy(new Map(), {}) }, ".m", "a Proxy of Map, or an object that only inherits from it"],
    [{ d: Object.create(Date.prototype) }, ".d", "a Proxy of Date, or an object that only inherits from it"],
    [{ e: new Proxy(new Error(), {}) }, ".e", "a Proxy of Error, or an object that only inherits from it"],
  ];
  for (const [value, path, kind] of cases) {
    const error = refusal(value);
    assertEquals([error.path, error.kind, error.code], [path, kind, "PAYLOAD_NOT_CLONEABLE"]);
  }
});

testEachCodec("a Proxy that throws is refused; what a getter throws passes unchanged", () => {
  const trap = (): never => {
    throw new TypeError("trap");
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const proxies = [
    revoked.proxy,
    new Proxy({ a: 1 }, { ownKeys: trap }),
    new Proxy({ a: 1 }, { getPrototypeOf: trap }),
    new Proxy([1], { ownKeys: trap }),
  ];
  for (const proxy of proxies) assertEquals(refusal({ list: [proxy] }).path, ".list[0]");
  assertEquals(refusal({ p: new Proxy({ a: 1 }, { get: trap }) }).path, ".p.a");
  assertEquals(refusal({ p: new Proxy({ a: 1 }, { getOwnPropertyDescriptor: trap }) }).path, ".p");
  const failure = new Error("getter");
  const getter = {
    get value(): never {
      throw failure;
    },
  };
  const element = Object.defineProperty([1, 2], 1, { get: () => getter.value, enumerable: true });
  const property = Object.defineProperty(new Error(), "message", { get: () => getter.value });
  for (const value of [getter, [{ getter }], element, [new Map([[1, getter]])], { property }]) {
    assertStrictEquals(assertThrows(() => codec.encode(value, arena, 0, 1_000)), failure);
  }
});
