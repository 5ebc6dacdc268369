// How work units are called.
import type { WorkUnit } from "../../api/types";
import type { Look } from "../../ui/look";

export const STATUSES: Record<WorkUnit["status"], { word: string; look: Look }> = {
  READY: { word: "ready", look: "pending" },
  RUNNING: { word: "running", look: "running" },
  BLOCKED: { word: "blocked", look: "parked" },
  NEEDS_ATTENTION: { word: "needs attention", look: "waiting" },
  DONE: { word: "done", look: "completed" },
};

export const PHASES: Record<WorkUnit["phase"], string> = {
  GOAL: "goal",
  PLAN: "plan",
  IMPLEMENT: "implement",
  COMPLETE: "complete",
};
