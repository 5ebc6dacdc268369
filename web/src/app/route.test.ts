import { expect, test } from "vitest";
import { links, parse } from "./route";

test("a link leads to the screen that it was made for", () => {
  expect(parse(links.runs("failed", "a b"))).toEqual({ name: "runs", status: "failed", search: "a b" });
  expect(parse(links.run("calm-otter"))).toEqual({ name: "run", run: "calm-otter", step: null });
  expect(parse(links.step("calm-otter", "angles[2]"))).toEqual({
    name: "run",
    run: "calm-otter",
    step: "angles[2]",
  });
  expect(parse(links.work_unit("a/b?c"))).toEqual({ name: "work_unit", chunk: "a/b?c" });
  expect(parse(links.work_units())).toEqual({ name: "work_units" });
  expect(parse(links.attention())).toEqual({ name: "attention" });
});

test("what stands for no screen is said to", () => {
  for (const hash of ["", "#", "#/", "#/runs"]) expect(parse(hash).name).toBe("runs");
  for (const hash of ["#/nothing", "#code", "#/%zz"]) expect(parse(hash)).toEqual({ name: "unknown" });
});
