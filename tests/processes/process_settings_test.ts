import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "../../core/base/errors.ts";
import { optionOf, type ProcessSettings, readSettings, type SettingName, SETTINGS } from "../../core/processes/process_settings.ts";

const NAMES = Object.keys(SETTINGS) as SettingName[];

Deno.test("the defaults are those of the owner's document", () => {
  const { killGraceMs: _k, requestDepthMax: _d, requestsPerTreeMax: _t, ...documented } = readSettings();
  assertEquals(documented, {
    ...{ maxConcurrentAgents: 5, pollIntervalMs: 1_000, healthCheckTimeoutMs: 10_000, skipHealthCheck: false, contextMode: "lazy" },
    ...{
      maxInlineContextChars: 500,
      initialTimeoutMs: 60_000,
      maxTimeoutMs: 240_000,
      timeoutExtensionMs: 60_000,
      activityWindowMs: 30_000,
    },
    ...{ minOutputBursts: 2, heartbeatCheckIntervalMs: 15_000, silenceWarningMs: 45_000, heartbeatTimeoutMs: 90_000 },
  });
});

Deno.test("every setting can be given as a variable, and an option wins", () => {
  for (const name of NAMES) {
    const { variable, fallback } = SETTINGS[name];
    const [text, value] = typeof fallback === "number" ? ["7", 7] : typeof fallback === "boolean" ? ["true", true] : ["full", "full"];
    assertEquals(readSettings({}, (asked) => asked === variable ? text : undefined)[name], value as never, name);
    assertEquals(readSettings({ [name]: fallback }, (asked) => asked === variable ? text : undefined)[name], fallback as never, name);
    assertEquals(readSettings({}, (asked) => asked === variable ? "" : undefined)[name], fallback as never, name);
  }
});

Deno.test("what cannot be used is refused with the name as it was written", () => {
  for (const name of NAMES) {
    const { variable } = SETTINGS[name];
    for (const text of ["-1", "lots", "1e3", "9999999999999"]) {
      assertEquals(
        assertThrows(() => readSettings({}, (asked) => asked === variable ? text : undefined), ConfigError).option,
        variable,
        text,
      );
    }
    assertEquals(assertThrows(() => readSettings({ [name]: {} } as Partial<ProcessSettings>), ConfigError).option, name);
  }
  assertStringIncludes(assertThrows(() => readSettings({ speed: 1 } as Partial<ProcessSettings>), ConfigError).message, "no such setting");
});

Deno.test("names become options", () => {
  assertEquals([optionOf("maxConcurrentAgents"), optionOf("pollIntervalMs")], ["--max-concurrent-agents", "--poll-interval-ms"]);
});
