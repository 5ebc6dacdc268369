// The steps of a run as they are shown: in the order of the plan, the instances of a fan-out together.
import type { RunDetail, Step, Task } from "../../api/types";
import type { Look } from "../../ui/look";

export interface Group {
  id: string;
  label: string;
  kind: string;
  access: string | null;
  /** Whether its instances are those of a list. */
  fansOut: boolean;
  steps: Step[];
  /** How it is when it has no instance. */
  look: Look;
}

export function roster(run: RunDetail): Group[] {
  const planned = run.manifest.map((planned): Group => {
    const steps = run.steps.filter((step) => step.step_id === planned.step_id);
    return {
      id: planned.step_id,
      label: planned.label,
      kind: planned.kind,
      access: planned.access ?? null,
      fansOut: steps.some((step) => typeof step.item === "number"),
      steps,
      look: steps.length === 0 && run.status !== "running" ? "left_out" : "pending",
    };
  });
  const known = new Set(planned.map((group) => group.id));
  for (const step of run.steps.filter((step) => !known.has(step.step_id))) {
    const origin = planned.findIndex((group) => group.id === step.origin_step);
    const group: Group = {
      id: step.key,
      label: step.label,
      kind: step.kind,
      access: null,
      fansOut: false,
      steps: [step],
      look: "pending",
    };
    planned.splice(origin < 0 ? planned.length : origin + 1, 0, group);
  }
  return planned;
}

export function look(step: Step, task: Task | undefined): Look {
  if (step.skipped) return "skipped";
  if (step.waiting_for) return "waiting";
  if (step.status === "pending" && task?.state === "parked") return "parked";
  return step.status;
}

/** The tasks of a step instance, in the order of their tries. */
export function tries(run: RunDetail, step: Step): Task[] {
  return run.tasks
    .filter((task) => task.step_key === step.key)
    .sort((one, other) => one.serial - other.serial);
}

/** The task that tells most: what is under way, what failed, else what the agent did rather than what checked it. */
export function telling(step: Step, tasks: readonly Task[]): Task | undefined {
  const last = tasks.at(-1);
  if (step.status !== "completed" || last?.role !== "gate") return last;
  return tasks.findLast((task) => task.role === "work") ?? last;
}

/** A fan-out with more instances first shows of them what goes on or went wrong. */
const MANY = 24;

/** The instances of a group that are seen at first; the open one is always among them. */
export function inSight(run: RunDetail, group: Group, open: string | null): Step[] {
  if (group.steps.length <= MANY) return group.steps;
  const isQuiet = (step: Step) => ["completed", "pending"].includes(look(step, tries(run, step).at(-1)));
  return group.steps.filter((step) => step.key === open || !isQuiet(step));
}

/** What tells an instance of a fan-out from the others. */
export function itemName(step: Step): string {
  const { item, item_value: value } = step;
  const number = typeof item === "number" ? `#${item + 1}` : step.key;
  if (typeof value === "string") return firstWords(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    const named = value as Record<string, unknown>;
    for (const name of ["name", "title", "label", "id"]) {
      if (typeof named[name] === "string") return firstWords(named[name]);
    }
  }
  return number;
}

function firstWords(text: string): string {
  const line = text.split("\n", 1)[0] ?? "";
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
