import { expect, test } from "vitest";
import type { RunDetail, Step, Task } from "../../api/types";
import { inSight, itemName, look, roster, telling } from "./roster";
import { groupWords } from "./words";

const step = (key: string, more: Partial<Step> = {}): Step => ({
  key,
  step_id: key.replace(/\[.*/, ""),
  label: key,
  kind: "agent",
  status: "pending",
  skipped: false,
  chat_id: `chat-${key}`,
  has_output: false,
  failures: 0,
  planned_at: "2026-01-01T00:00:00Z",
  ...more,
});
const task = (serial: number, more: Partial<Task> = {}) =>
  ({ serial, role: "work", state: "completed", ...more }) as Task;
const run = (steps: Step[], status = "running") =>
  ({
    status,
    steps,
    manifest: [
      { step_id: "angles", label: "Angles", kind: "agent", access: "read" },
      { step_id: "fold", label: "Fold", kind: "fold", access: "read" },
    ],
  }) as unknown as RunDetail;

test("steps stand in the order of the plan, instances together", () => {
  const groups = roster(run([step("fold"), step("angles[1]", { item: 1 }), step("angles[0]", { item: 0 })]));
  expect(groups.map((group) => [group.id, group.fansOut, group.steps.map((one) => one.key)])).toEqual([
    ["angles", true, ["angles[1]", "angles[0]"]],
    ["fold", false, ["fold"]],
  ]);
});

test("a step without an instance is yet to come, or did not apply", () => {
  expect(roster(run([])).map((group) => group.look)).toEqual(["pending", "pending"]);
  expect(roster(run([], "completed")).map((group) => group.look)).toEqual(["left_out", "left_out"]);
});

test("an injected step stands behind the one it was injected for", () => {
  const groups = roster(run([step("angles"), step("extra", { origin_step: "angles" }), step("fold")]));
  expect(groups.map((group) => group.id)).toEqual(["angles", "extra", "fold"]);
});

test("a step looks as what it waits for", () => {
  expect(look(step("a", { skipped: true, status: "completed" }), undefined)).toBe("skipped");
  expect(look(step("a", { waiting_for: "id" }), undefined)).toBe("waiting");
  expect(look(step("a"), task(1, { state: "parked" }))).toBe("parked");
  expect(look(step("a", { status: "running" }), task(2, { state: "parked" }))).toBe("running");
});

test("a gate tells more than its work only when it did not pass", () => {
  const [work, gate] = [task(1), task(2, { role: "gate" })];
  expect(telling(step("a", { status: "completed" }), [work, gate])).toBe(work);
  expect(telling(step("a", { status: "failed" }), [work, gate])).toBe(gate);
  expect(telling(step("a", { status: "running" }), [work, gate])).toBe(gate);
});

test("an instance is called by what its item says of itself", () => {
  expect(itemName(step("a[0]", { item: 0, item_value: { name: "tests", look: "…" } }))).toBe("tests");
  expect(itemName(step("a[0]", { item: 0, item_value: "the code\nas it stands" }))).toBe("the code");
  expect(itemName(step("a[2]", { item: 2, item_value: { x: 1 } }))).toBe("#3");
  expect(
    groupWords([
      step("a", { status: "failed" }),
      step("b", { status: "running" }),
      step("c", { status: "running" }),
    ]),
  ).toBe("1 failed, 2 running");
});

test("of many instances those are seen first in which something goes on or went wrong", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, item) =>
      step(`angles[${item}]`, { item, status: item < 100 ? "completed" : "pending" }),
    );
  const steps = many(200);
  steps[7] = step("angles[7]", { item: 7, status: "failed" });
  steps[100] = step("angles[100]", { item: 100, status: "running" });
  steps[150] = step("angles[150]", { item: 150, waiting_for: "somebody" });
  const seen = (steps: Step[], open: string | null) => {
    const whole = { ...run(steps), tasks: [] } as unknown as RunDetail;
    const [group] = roster(whole);
    return group ? inSight(whole, group, open).map((one) => one.item) : [];
  };
  expect(seen(steps, null)).toEqual([7, 100, 150]);
  expect(seen(steps, "angles[3]")).toEqual([3, 7, 100, 150]);
  expect(seen(many(24), null)).toHaveLength(24);
});
