import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Random } from "../../core/base/random.ts";

Deno.test("the same seed gives the same numbers, another seed others", () => {
  const numbers = (seed: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 20 }, () => random.next());
  };
  assertEquals(numbers(7), numbers(7));
  assert(numbers(7).some((value, index) => value !== numbers(8)[index]));
});

Deno.test("uniform and log-uniform stay in their ranges and fill them", () => {
  const random = new Random(1);
  const uniform = Array.from({ length: 20_000 }, () => random.next());
  assert(uniform.every((value) => value >= 0 && value < 1));
  assertAlmostEquals(uniform.reduce((sum, value) => sum + value, 0) / uniform.length, 0.5, 0.02);
  const log = Array.from({ length: 20_000 }, () => random.logUniform(64, 4_096));
  assert(log.every((value) => value >= 64 && value <= 4_096));
  const small = log.filter((value) => value < 512).length / log.length;
  assertAlmostEquals(small, 0.5, 0.02);
});
