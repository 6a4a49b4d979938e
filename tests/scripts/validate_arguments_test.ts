import { assertEquals, assertThrows } from "@std/assert";
import { isKernelError } from "../../core/base/errors.ts";
import { SCENARIOS } from "../../core/validation/scenarios.ts";
import { parseArguments } from "../../scripts/validate/arguments.ts";

const DEFAULTS = {
  ...{ help: false, scenarios: SCENARIOS.map((row) => row.name), durationMs: undefined, agents: undefined, threads: undefined },
  ...{ quick: false, verbose: false, report: undefined, output: "console" as const, timeoutMs: undefined },
};

Deno.test("no argument: all scenarios on the console", () => {
  assertEquals(parseArguments([]), DEFAULTS);
});

Deno.test("every option is understood, with a space or an equals sign", () => {
  const spaced =
    "--scenario base,peak --scenario spawn --duration 2000 --agents 50 --threads 3 --quick --verbose --report r.json --output json --timeout 9";
  const expected = {
    ...{ help: false, scenarios: ["baseline-performance", "peak-load-validation", "spawn-time-validation"], durationMs: 2_000, agents: 50 },
    ...{ threads: 3, quick: true, verbose: true, report: "r.json", output: "json" as const, timeoutMs: 9 },
  };
  assertEquals(parseArguments(spaced.split(" ")), expected);
  assertEquals(parseArguments(spaced.replaceAll(/(scenario|duration|agents|threads|report|output|timeout) /g, "$1=").split(" ")), expected);
});

Deno.test("a display name with spaces is one value, a scenario named twice runs once", () => {
  assertEquals(parseArguments(["--scenario", "Ultra High Load", "--scenario", "ultra"]).scenarios, ["ultra-high-load-validation"]);
});

Deno.test("a path with an equals sign stays whole", () => {
  assertEquals(parseArguments(["--report", "a=b.json"]).report, "a=b.json");
  assertEquals(parseArguments(["--report=a=b.json"]).report, "a=b.json");
});

Deno.test("help wins over whatever else is wrong", () => {
  for (const argv of [["--help"], ["-h"], ["--agents", "--help"], ["--nonsense", "--help"]]) {
    assertEquals(parseArguments(argv).help, true, argv.join(" "));
  }
});

/** A command line and what its one line must begin with and contain. */
const REFUSED: [argv: string[], begins: string, contains: string][] = [
  [["--agents", "0"], '--agents is the string "0"', "from 1 to 1000000"],
  [["--agents", "ten"], '--agents is the string "ten"', "a whole number"],
  [["--agents", "-5"], '--agents is the string "-5"', "from 1 to 1000000"],
  [["--agents=-5"], '--agents is the string "-5"', "from 1 to 1000000"],
  [["--agents", "1.5"], '--agents is the string "1.5"', "a whole number"],
  [["--agents", "2000000"], '--agents is the string "2000000"', "from 1 to 1000000"],
  [["--agents", ""], '--agents is the string ""', "a whole number"],
  [["--agents"], "--agents: no value was given", "from 1 to 1000000"],
  [["--agents", "--quick"], "--agents: no value was given", "from 1 to 1000000"],
  [["--agents", "5", "--agents", "6"], "--agents is", "once"],
  [["--duration", "-1"], '--duration is the string "-1"', "from 100 to 86400000 milliseconds"],
  [["--duration", "1e9"], '--duration is the string "1e9"', "milliseconds"],
  [["--threads", "1"], '--threads is the string "1"', "from 2 to 63"],
  [["--threads", "64"], '--threads is the string "64"', "from 2 to 63"],
  [["--timeout", "0"], '--timeout is the string "0"', "from 1 to 604800000 milliseconds"],
  [["--scenario", "nope"], '--scenario is the string "nope"', "baseline-performance"],
  [["--scenario", "baseline,"], '--scenario is the string ""', "baseline-performance"],
  [["--scenario"], "--scenario: no value was given", "baseline-performance"],
  [["--output", "xml"], '--output is the string "xml"', "console, json, csv"],
  [["--report", ""], '--report is the string ""', "path of a file"],
  [["--quick=yes"], '--quick is the string "yes"', "takes no value"],
  [["--agnets", "5"], "--agnets: no such option", "did you mean --agents?"],
  [["--agent=5"], "--agent=5: no such option", "did you mean --agents?"],
  [["-v"], "-v: no such option", "did you mean --verbose?"],
  [["-5"], "-5: no such option", "--help"],
  [["--no-quick"], "--no-quick: no such option", "did you mean --quick?"],
  [["baseline"], "baseline: only options", '--scenario "baseline"'],
  [["--quick", "5"], "5: only options", "--scenario"],
  [["--", "--agents"], "--agents: only options", "--scenario"],
];

for (const [argv, begins, contains] of REFUSED) {
  Deno.test(`${argv.join(" ")} is refused in one line`, () => {
    const error = assertThrows(() => parseArguments(argv), Error);
    assertEquals(isKernelError(error), true, error.stack);
    assertEquals(error.message.startsWith(begins), true, error.message);
    assertEquals(error.message.includes(contains), true, error.message);
    assertEquals(error.message.includes("\n"), false);
  });
}
