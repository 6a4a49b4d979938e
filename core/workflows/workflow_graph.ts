/**
 * The graph of a workflow's steps: ids, dependencies, circles.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { STEP_ID_CHARS_MAX } from "../base/limits.ts";
import type { WorkflowStep } from "./workflow.ts";

/** The dependencies of each step as places. Throws `InvalidArgumentError` that names the step, the circle, or what cannot be reached because of it. */
export function checkGraph(steps: readonly WorkflowStep[], root: string): number[][] {
  const places = new Map<string, number>();
  for (const [index, step] of steps.entries()) {
    const path = `${root}.steps[${index}]`;
    if (typeof step !== "object" || step === null) throw new InvalidArgumentError(path, step, "give a step, at least { id, action }.");
    const { id } = step;
    if (typeof id !== "string" || id === "") throw new InvalidArgumentError(`${path}.id`, id, "give a string that names the step.");
    if (id.length > STEP_ID_CHARS_MAX) {
      throw new InvalidArgumentError(`${path}.id`, id, `use at most ${STEP_ID_CHARS_MAX} characters: each line about the step holds them.`);
    }
    if (id === "__proto__" || /[.[\]/#]/.test(id)) {
      throw new InvalidArgumentError(
        `${path}.id`,
        id,
        "use another name, without dots, brackets, slashes and #: they stand in paths to steps.",
      );
    }
    const other = places.get(id);
    if (other !== undefined) throw new InvalidArgumentError(`${path}.id`, id, `steps[${other}] has this id already; ids are unique.`);
    places.set(id, index);
  }
  const edges = steps.map((step, index) => dependenciesOf(step, places, `${root}.steps[${index}].dependencies`));
  checkCircles(steps, edges, root);
  return edges;
}

function dependenciesOf({ dependencies = [], id }: WorkflowStep, places: ReadonlyMap<string, number>, path: string): number[] {
  if (!Array.isArray(dependencies)) throw new InvalidArgumentError(path, dependencies, "give a list of ids of steps.");
  const list: readonly unknown[] = dependencies;
  return list.map((name, at) => {
    const place = places.get(name as string);
    if (place === undefined) throw new InvalidArgumentError(`${path}[${at}]`, name, "there is no step of this id.");
    if (name === id) throw new InvalidArgumentError(`${path}[${at}]`, name, "a step cannot wait for itself.");
    if (list.indexOf(name) !== at) throw new InvalidArgumentError(`${path}[${at}]`, name, "name each dependency once.");
    return place;
  });
}

function checkCircles(steps: readonly WorkflowStep[], edges: readonly number[][], root: string): void {
  const missing = edges.map(({ length }) => length);
  const dependents = steps.map((): number[] => []);
  for (const [index, dependencies] of edges.entries()) for (const place of dependencies) dependents[place].push(index);
  const ready = missing.flatMap((count, index) => count === 0 ? [index] : []);
  for (const index of ready) for (const next of dependents[index]) if (--missing[next] === 0) ready.push(next);
  if (ready.length === steps.length) return;
  const stuck = new Set(missing.flatMap((count, index) => count > 0 ? [index] : []));
  const circle = circleIn(stuck, edges);
  const names = circle.map((index) => steps[index].id);
  const beyond = [...stuck].filter((index) => !circle.includes(index)).map((index) => steps[index].id);
  const at = edges[circle[0]].indexOf(circle[1] ?? circle[0]);
  throw new InvalidArgumentError(
    `${root}.steps[${circle[0]}].dependencies[${at}]`,
    names[1] ?? names[0],
    `steps wait for each other: ${[...names, names[0]].join(" → ")}.${
      beyond.length === 0 ? "" : ` So these are never reached: ${beyond.join(", ")}.`
    }`,
  );
}

/** Some circle among steps that all wait for one another: whoever follows dependencies within them comes back. */
function circleIn(stuck: ReadonlySet<number>, edges: readonly number[][]): number[] {
  const path: number[] = [];
  let at = [...stuck][0];
  while (!path.includes(at)) {
    path.push(at);
    at = edges[at].find((place) => stuck.has(place))!;
  }
  return path.slice(path.indexOf(at));
}
