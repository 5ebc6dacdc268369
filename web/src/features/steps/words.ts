// How steps are called.
import type { Step, Task } from "../../api/types";
import type { Look } from "../../ui/look";

export function lookWord(step: Step, look: Look): string {
  if (look === "waiting") return "waits for you";
  if (look === "pending" && step.not_before) return "tries again soon";
  if (look === "left_out") return "did not apply";
  return look;
}

/** How the instances of a fan-out are, together. */
export function groupWords(steps: readonly Step[]): string {
  const order = ["failed", "running", "pending", "cancelled", "completed"] as const;
  const counts = order
    .map((status) => ({ status, count: steps.filter((step) => step.status === status).length }))
    .filter(({ count }) => count > 0);
  if (counts.length === 1 && counts[0]) return `${steps.length} ${counts[0].status}`;
  return counts.map(({ status, count }) => `${count} ${status}`).join(", ");
}

/** Tries are counted apart from the gates that check them. */
export function taskWord(task: Task, tasks: readonly Task[]): string {
  const alike = tasks.filter((other) => other.role === task.role && other.serial <= task.serial);
  return `${task.role === "gate" ? "Gate" : "Try"} ${alike.length}`;
}

const CLASSES: Record<NonNullable<Task["failure_class"]>, string> = {
  transient: "failed in passing",
  permanent: "failed for good",
  authentication: "login refused",
  missing: "program missing",
  output: "output did not fit",
  gate: "gate did not pass",
  timeout: "took too long",
  silence: "was silent too long",
  no_space: "disk full",
  access_violated: "wrote where it may only read",
};

export function endWord(task: Task): string {
  return task.failure_class ? CLASSES[task.failure_class] : task.state;
}
