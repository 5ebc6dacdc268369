import { expect, test } from "vitest";
import type { FrameOf, RunDetail } from "../../api/types";
import { updated } from "./update";

const run = {
  id: "run",
  position: 10,
  status: "running",
  is_paused: false,
  is_cancelling: true,
  ended_at: null,
  report: null,
  steps: [
    {
      key: "angles[0]",
      step_id: "angles",
      item: 0,
      status: "running",
      failures: 0,
      started_at: "t1",
      label: "Angles",
    },
  ],
} as unknown as RunDetail;

const frame = (more: object) =>
  ({
    type: "flow_run_step_updated",
    run_id: "run",
    position: 11,
    run_status: "running",
    is_paused: false,
    skipped: false,
    failures: 0,
    at: "t2",
    ...more,
  }) as FrameOf<"flow_run_step_updated">;

test("a frame that the snapshot knows changes nothing", () => {
  expect(updated(run, frame({ position: 10, step_id: "angles", item: 0, status: "failed" }))).toBe(run);
  expect(updated(run, frame({ run_id: "another" }))).toBe(run);
});

test("a step becomes what the frame says", () => {
  const after = updated(
    run,
    frame({ step_id: "angles", item: 0, status: "failed", reason: "no", failures: 2 }),
  );
  expect(after.steps).toMatchObject([
    { key: "angles[0]", status: "failed", reason: "no", failures: 2, started_at: "t1", ended_at: "t2" },
  ]);
});

test("an instance that is new is there", () => {
  const after = updated(
    run,
    frame({ step_id: "angles", item: 1, status: "pending", chat_id: "c", label: "Angles" }),
  );
  expect(after.steps.map((step) => [step.key, step.status])).toEqual([
    ["angles[0]", "running"],
    ["angles[1]", "pending"],
  ]);
});

test("a run's end brings its report, and a retry takes the end back", () => {
  const ended = updated(run, frame({ run_status: "completed", report: "# Done" }));
  expect(ended).toMatchObject({
    status: "completed",
    report: "# Done",
    ended_at: "t2",
    is_cancelling: false,
  });
  const again = updated(
    { ...ended, position: 11 },
    frame({ position: 12, step_id: "angles", item: 0, status: "pending" }),
  );
  expect(again).toMatchObject({ status: "running", ended_at: null });
});
