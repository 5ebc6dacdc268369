// What a frame changes in a run that is shown.
import type { FrameOf, RunDetail, Step } from "../../api/types";

type Updated = FrameOf<"flow_run_step_updated">;

/** The run after the frame. A frame that the snapshot knows already changes nothing. */
export function updated(run: RunDetail, frame: Updated): RunDetail {
  if (frame.run_id !== run.id || frame.position <= run.position) return run;
  const isOver = frame.run_status !== "running";
  const whole: RunDetail = {
    ...run,
    status: frame.run_status,
    is_paused: frame.is_paused,
    is_cancelling: run.is_cancelling && !isOver,
    ended_at: isOver ? (run.ended_at ?? frame.at) : null,
  };
  if (frame.step_id === null || frame.step_id === undefined) {
    return { ...whole, reason: frame.reason ?? null, report: frame.report ?? whole.report ?? null };
  }
  return { ...whole, steps: withStep(run.steps, frame) };
}

function withStep(steps: Step[], frame: Updated): Step[] {
  const key = keyOf(frame);
  const known = steps.find((step) => step.key === key);
  const changed = { ...(known ?? unknown(frame, key)), ...news(frame, known) };
  return known ? steps.map((step) => (step === known ? changed : step)) : [...steps, changed];
}

function keyOf(frame: Updated): string {
  const { step_id, item } = frame;
  return item === null || item === undefined ? (step_id ?? "") : `${step_id}[${item}]`;
}

function news(frame: Updated, known: Step | undefined): Partial<Step> {
  const status = frame.status ?? known?.status ?? "pending";
  const isOver = status === "completed" || status === "failed" || status === "cancelled";
  return {
    status,
    skipped: frame.skipped,
    task_id: frame.task_id ?? known?.task_id ?? null,
    agent: frame.agent ?? known?.agent ?? null,
    not_before: frame.not_before ?? null,
    waiting_for: frame.waiting_for ?? null,
    reason: frame.reason ?? null,
    failures: frame.failures,
    started_at: known?.started_at ?? (status === "running" ? frame.at : null),
    ended_at: isOver ? (known?.ended_at ?? frame.at) : null,
  };
}

/** An instance that the snapshot did not know yet. */
function unknown(frame: Updated, key: string): Step {
  return {
    key,
    step_id: frame.step_id ?? "",
    item: frame.item ?? null,
    label: frame.label ?? frame.step_id ?? "",
    kind: frame.kind ?? "agent",
    status: "pending",
    skipped: false,
    chat_id: frame.chat_id ?? "",
    has_output: false,
    failures: 0,
    planned_at: frame.at,
  };
}
