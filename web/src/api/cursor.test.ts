import { expect, test } from "vitest";
import { isAfter, parseCursor } from "./cursor";

test("a place within an event lies between two events", () => {
  const places = ["0", "9", "12", "12.1", "12.10", "13", "100"];
  for (const [at, place] of places.entries()) {
    for (const [than, other] of places.entries())
      expect(isAfter(place, other), `${place} ${other}`).toBe(at > than);
  }
});

test("what is no place lies nowhere", () => {
  expect(parseCursor("12.x")).toBeNull();
  expect(isAfter("12", "")).toBe(false);
});
