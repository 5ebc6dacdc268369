// How runs are called.
import type { Run } from "../../api/types";
import type { Look } from "../../ui/look";

export function runLook(run: Pick<Run, "status" | "is_paused">): Look {
  return run.status === "running" && run.is_paused ? "parked" : run.status;
}

export function runWord(run: Pick<Run, "status" | "is_paused" | "is_cancelling">): string {
  if (run.status !== "running") return run.status;
  if (run.is_cancelling) return "cancelling";
  return run.is_paused ? "paused" : "running";
}

/** What to type next. */
export function nextCommand(run: Pick<Run, "status" | "slug" | "branch">): { command: string; why: string } {
  switch (run.status) {
    case "running":
      return { command: `partita run watch ${run.slug}`, why: "Watch it in a terminal" };
    case "failed":
      return { command: `partita run retry ${run.slug}`, why: "Do again what failed" };
    case "completed":
      return run.branch
        ? { command: `partita run apply ${run.slug}`, why: "Bring the changes into your checkout" }
        : { command: `partita run export ${run.slug}`, why: "Write the report to a file" };
    case "cancelled":
      return { command: `partita run show ${run.slug}`, why: "See it in a terminal" };
  }
}
