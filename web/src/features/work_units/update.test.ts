import { expect, test } from "vitest";
import type { FrameOf, WorkUnit } from "../../api/types";
import { ordered, withUpdate } from "./update";

const unit = (chunk: string, more: Partial<WorkUnit> = {}): WorkUnit => ({
  chunk,
  id: chunk,
  phase: "GOAL",
  status: "READY",
  blocked_by: [],
  priority: 0,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
  ...more,
});
const frame = (id: string, more: object = {}) =>
  ({
    type: "work_unit_update",
    position: 1,
    chunk: id,
    id,
    phase: "GOAL",
    status: "DONE",
    blocked_by: [],
    priority: 0,
    deleted: false,
    at: "2026-01-02T00:00:00Z",
    ...more,
  }) as FrameOf<"work_unit_update">;

test("a frame changes, adds and removes a unit, and keeps what it does not carry", () => {
  const units = [unit("a", { flow: "fix" }), unit("b")];
  expect(withUpdate(units, frame("a", { chunk: "renamed" }))[0]).toMatchObject({
    chunk: "renamed",
    status: "DONE",
    flow: "fix",
  });
  expect(withUpdate(units, frame("c")).map((one) => one.chunk)).toEqual(["a", "b", "c"]);
  expect(withUpdate(units, frame("a", { deleted: true })).map((one) => one.chunk)).toEqual(["b"]);
});

test("what needs somebody comes first, then by priority", () => {
  const units = [
    unit("done", { status: "DONE" }),
    unit("low"),
    unit("high", { priority: 5 }),
    unit("ask", { status: "NEEDS_ATTENTION" }),
  ];
  expect(ordered(units).map((one) => one.chunk)).toEqual(["ask", "high", "low", "done"]);
});
