/**
 * The text of `--help`.
 *
 * @module
 */
import { acceptedFor, optionOf, type SettingName, SETTINGS } from "../../core/processes/process_settings.ts";

/** Options, variables, files, exit codes, examples. */
export function helpText(): string {
  const settings = (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const { variable, fallback } = SETTINGS[name];
    return `  ${optionOf(name).padEnd(34)}${variable.padEnd(30)}${String(fallback).padStart(6)}   ${acceptedFor(name)}`;
  });
  return `Runs agents as processes, so many at a time, for the requests in a folder.

Usage: deno run --allow-read --allow-write --allow-run --allow-env jsr:@stage3/kernel/coordinate [DIR] [options] -- COMMAND [ARG…]
       (scripts/coordinate.ts in a checkout)

For each DIR/requests/*.json COMMAND is started in a process group and a folder of its own, with the prompt on stdin. What it prints is
the result. DIR is the variable SWARM_DIR, else .swarm, when it is not given. Arguments that name existing files are made absolute.

Options:
  --max <n>               agents at a time, short for --max-concurrent-agents
  --once                  end when the queue is empty, instead of watching it
  --json                  a line of JSON on stdout for each event, instead of a table
  --driver <name>         plain: prompt in, result out (default); json-lines: the streaming JSON of coding commands; acp: the
                          Agent Client Protocol
  --permissions <policy>  what an agent that talks ACP is answered when it asks for one: allow or reject (default)
  --model-option <name>   option that a request's model is added to COMMAND with (default: --model; "" for none); SWARM_MODEL holds it, too
  --health-check <cmd>    given to sh -c before each request; healthy when it exits with 0, tried twice
  --worktree <repo>       each agent works in a git worktree of this repository, instead of an empty folder
  --help, -h              this text

Settings, as option or variable (an option wins), times in ms:
${settings.join("\n")}

Request: { "requestId"?, "agentRole", "parentRequestId"?, "model"?, "task": { "objective", "context"?, "requirements"? } }
An agent gets SWARM_REQUEST_ID, SWARM_PARENT_ID, SWARM_AGENT_ROLE, SWARM_CONTEXT_FILE, SWARM_CONTEXT_MODE, SWARM_MODEL, SWARM_DIR and
SWARM_DEPTH, beside the coordinator's own variables.
An agent that waits for agents that it has requested keeps its place meanwhile: --max must be more than wait at a time.
Files: requests/ → processing/ → results/ID.json; logs/ID.stream.txt holds all that the agent printed, rejected/ what could not be
understood, with the reason, work/ID what the agent left in its folder.

Ctrl-C (and SIGTERM, a closed terminal, and the end of whoever reads the output) drains: nothing more is started, who runs may end. A
second one ends the agents.

Exit codes: 0 all completed, 1 a request failed or was rejected, 2 usage, permission, or a COMMAND that cannot be run, 130 interrupted.

Examples:
  deno run -A scripts/coordinate.ts .swarm --max 3 -- claude -p
  deno run -A scripts/coordinate.ts .swarm --once --json --driver json-lines -- claude -p --output-format stream-json --verbose
  deno run -A scripts/coordinate.ts .swarm --driver acp --permissions allow --worktree . -- my-acp-agent
  deno run -A scripts/coordinate.ts .swarm --once --initial-timeout-ms 5000 --max-timeout-ms 20000 -- sh -c 'tail -n 1'
`;
}
