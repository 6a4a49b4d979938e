/** The long form of kill_test.ts: `deno task crash [--kills 200] [--mode portable|mapped] [--seed 1]`. */
import { killAgainAndAgain } from "./kill_run.ts";

const options: Record<string, string> = { kills: "200", mode: "portable", seed: "1" };
for (let at = 0; at < Deno.args.length; at += 2) {
  const name = Deno.args[at].replace(/^--/, "");
  if (!(name in options) || Deno.args[at + 1] === undefined) {
    throw new Error(`${Deno.args[at]}: known are --kills N, --mode portable|mapped, --seed N`);
  }
  options[name] = Deno.args[at + 1];
}
const { kills, acknowledged, lost, early, cut, rewritten, problems } = await killAgainAndAgain(
  Number(options.kills),
  options.mode,
  Number(options.seed),
);
for (const problem of problems) console.log(problem);
const sync = options.mode === "mapped" ? "page cache; flush: fdatasync" : "fdatasync";
console.log(`${kills} kills, ${acknowledged} acknowledged writes, ${lost} lost, ${sync}`);
console.log(
  `${options.mode}, seed ${options.seed}: ${early} kills during recovery, ${cut} unfinished flushes cut off, log seen written anew ${rewritten} times`,
);
if (problems.length > 0) Deno.exit(1);
