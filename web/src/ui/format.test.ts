import { expect, test } from "vitest";
import { ago, clock, count, counted, duration, money } from "./format";

test("durations have two units at most", () => {
  const shown = [0, 999, 59_999, 60_000, 61_000, 3_600_000, 3_660_000, 90_061_000, -5].map(duration);
  expect(shown).toEqual(["0 s", "0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "1 d 1 h", "0 s"]);
});

test("ages have one unit, and a date in the end", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  const of = (at: string) => ago(at, now);
  expect(of("2026-03-01T11:59:55Z")).toBe("just now");
  expect(of("2026-03-01T11:59:15Z")).toBe("45 s ago");
  expect(of("2026-03-01T11:15:00Z")).toBe("45 min ago");
  expect(of("2026-03-01T02:00:00Z")).toBe("10 h ago");
  expect(of("2026-02-27T12:00:00Z")).toBe("2 d ago");
  expect(of("2025-12-24T12:00:00Z")).toBe("2025-12-24");
  // A clock that runs ahead.
  expect(of("2026-03-01T12:00:30Z")).toBe("just now");
});

test("a time of another day has its day", () => {
  const now = new Date(2026, 2, 1, 12).getTime();
  expect(clock(new Date(2026, 2, 1, 9, 5, 7).getTime(), now)).toBe("09:05:07");
  expect(clock(new Date(2026, 1, 28, 9, 5, 7).getTime(), now)).toBe("2026-02-28 09:05:07");
});

test("an unknown cost is not nothing, and a small one neither", () => {
  expect([null, undefined, 0, 4_000, 10_000, 1_234_567].map(money)).toEqual([
    "–",
    "–",
    "$0.00",
    "< $0.01",
    "$0.01",
    "$1.23",
  ]);
});

test("counts are short", () => {
  expect([0, 999, 1_000, 12_345, 999_499, 999_500, 12_000_000].map(count)).toEqual([
    "0",
    "999",
    "1.0 k",
    "12 k",
    "999 k",
    "1.0 M",
    "12 M",
  ]);
  expect([counted(1, "file"), counted(2, "file"), counted(2, "try", "tries")]).toEqual([
    "1 file",
    "2 files",
    "2 tries",
  ]);
});
