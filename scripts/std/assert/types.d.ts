/** Thrown by every assertion that does not hold. */
export declare class AssertionError extends Error {
  /** `message` says what was expected and what came. */
  constructor(message: string, options?: ErrorOptions);
}
/** Any class, abstract ones included. */
// deno-lint-ignore no-explicit-any -- a constructor's parameters cannot be written otherwise
export type AnyConstructor = abstract new (...args: any[]) => unknown;
/** What an instance of `C` is. */
export type GetConstructorType<C extends AnyConstructor> = InstanceType<C>;
/** An error class. */
// deno-lint-ignore no-explicit-any -- a constructor's parameters cannot be written otherwise
export type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** Holds when `expr` is truthy. */
export declare function assert(expr: unknown, msg?: string): asserts expr;
/** Holds when `expr` is falsy. */
export declare function assertFalse(expr: unknown, msg?: string): void;
/** Holds when both are deeply equal. */
export declare function assertEquals<T>(actual: T, expected: T, msg?: string): void;
/** Holds when they are not deeply equal. */
export declare function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;
/** Holds when `Object.is` says so. */
export declare function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T;
/** Holds when `Object.is` denies. */
export declare function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;
/** Holds when `actual` is neither null nor undefined. */
export declare function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;
/** Holds when `actual` is an instance of `expectedType`. */
export declare function assertInstanceOf<C extends AnyConstructor>(
  actual: unknown,
  expectedType: C,
  msg?: string,
): asserts actual is GetConstructorType<C>;
/** Holds when `actual` is no instance of `unexpectedType`. */
export declare function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: abstract new (...args: never[]) => T,
  msg?: string,
): asserts actual is Exclude<A, T>;
/** Holds when `error` is an error of that class and its message includes the text. */
export declare function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E;
/** Holds when `actual` matches. */
export declare function assertMatch(actual: string, expected: RegExp, msg?: string): void;
/** Holds when `actual` does not match. */
export declare function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;
/** Holds when `actual` includes `expected`. */
export declare function assertStringIncludes(actual: string, expected: string, msg?: string): void;
/** Holds when every expected item is deeply equal to some item of `actual`. */
export declare function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void;
/** Holds when `expected` is a subset of `actual`. */
export declare function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- the real signature; an interface does not fit Record<PropertyKey, unknown>
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void;
/** Holds when `actual > expected`. */
export declare function assertGreater<T>(actual: T, expected: T, msg?: string): void;
/** Holds when `actual >= expected`. */
export declare function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;
/** Holds when `actual < expected`. */
export declare function assertLess<T>(actual: T, expected: T, msg?: string): void;
/** Holds when `actual <= expected`. */
export declare function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;
/** Holds when they differ by at most `tolerance`, one part in ten million by default. */
export declare function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void;
/** Holds when `fn` throws; returns what was thrown. */
export declare function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Holds when `fn` throws an error of that class whose message includes the text; returns it. */
export declare function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
/** Holds when the promise of `fn` rejects; returns the reason. */
export declare function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Holds when the promise of `fn` rejects with an error of that class whose message includes the text; returns it. */
export declare function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
/** Whether both are deeply equal. */
export declare function equal(a: unknown, b: unknown): boolean;
/** Always fails. */
export declare function fail(msg?: string): never;
/** Fails: this line was believed out of reach. */
export declare function unreachable(msg?: string): never;
/** Fails: this is not written yet. */
export declare function unimplemented(msg?: string): never;
