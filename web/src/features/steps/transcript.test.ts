import { expect, test } from "vitest";
import type { TranscriptEntry } from "../../api/types";
import { Assembly, type Content, entryOf, KEPT_CHARS, tail } from "./transcript";

const text = (offset: number, next: number, words: string): TranscriptEntry => ({
  kind: "text",
  text: words,
  offset,
  next,
});
const words = (assembly: Assembly) =>
  assembly.blocks.map((block) => ("text" in block ? block.text : block.kind)).join("|");

test("pieces of a message become one block, and the next message another", () => {
  const assembly = new Assembly();
  const entries: TranscriptEntry[] = [
    text(0, 10, "one "),
    text(10, 20, "two"),
    { kind: "message_end", offset: 20, next: 25 },
    text(25, 30, "three"),
    { kind: "thought", text: "hm", offset: 30, next: 40 },
  ];
  expect(entries.map((entry) => assembly.take(entry))).toEqual(Array(5).fill("taken"));
  expect(words(assembly)).toBe("one two|three|hm");
  expect(assembly.end).toBe(40);
});

test("what comes twice is there once, and a gap waits for the transcript", () => {
  const assembly = new Assembly();
  const all = [text(0, 10, "a"), text(10, 20, "b"), text(20, 30, "c"), text(30, 40, "d")] as const;
  expect(assembly.take(all[0])).toBe("taken");
  expect(assembly.take(all[2])).toBe("gap");
  expect(assembly.take(all[0])).toBe("seen");
  // The transcript has it all; frames go on meanwhile.
  expect(all.slice(1, 3).map((entry) => assembly.take(entry))).toEqual(["taken", "taken"]);
  expect(assembly.take(all[2])).toBe("seen");
  expect(assembly.take(all[3])).toBe("taken");
  expect(words(assembly)).toBe("abcd");
});

test("what the daemon could not read is passed over, and nothing that follows it is lost", () => {
  const assembly = new Assembly();
  assembly.read({ entries: [text(0, 10, "a"), text(20, 30, "c")], next: 40, is_whole: false });
  assembly.read({ entries: [text(40, 50, "e")], next: 50, is_whole: true });
  expect(words(assembly)).toBe("ace");
  expect(assembly.end).toBe(50);
});

test("however frames and pages of the transcript come in, the outcome is the transcript", () => {
  const all = Array.from({ length: 60 }, (_, index) => text(index * 7, index * 7 + 7, `<${index}>`));
  const whole = all.map((entry) => ("text" in entry ? entry.text : "")).join("");
  for (let seed = 1; seed <= 200; seed += 1) {
    let state = seed;
    const chance = (below: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const assembly = new Assembly();
    for (let live = 0; live < all.length; live += 1) {
      // Some frames are lost; every now and then a page is read, which may overlap what came live.
      if (chance(3) > 0) assembly.take(all[live] as TranscriptEntry);
      if (chance(10) === 0) for (const entry of all.slice(0, live + 1)) assembly.take(entry);
    }
    for (const entry of all) if (entry.offset >= assembly.end) assembly.take(entry);
    expect(words(assembly), `seed ${seed}`).toBe(whole);
  }
});

test("a tool call is one block that changes, and splits the words around it", () => {
  const assembly = new Assembly();
  const tool = (offset: number, status: "running" | "completed", detail: string): TranscriptEntry => ({
    kind: "tool",
    id: "call-1",
    title: "Read a.rs",
    status,
    detail,
    offset,
    next: offset + 5,
  });
  for (const entry of [
    text(0, 5, "before"),
    tool(5, "running", ""),
    text(10, 15, "after"),
    tool(15, "completed", "fn x"),
  ]) {
    assembly.take(entry);
  }
  expect(assembly.blocks).toMatchObject([
    { kind: "text", text: "before" },
    { kind: "tool", status: "completed", detail: "fn x" },
    { kind: "text", text: "after" },
  ]);
});

test("a frame is the entry that the transcript has", () => {
  const place = { position: 3, run_id: "r", chat_id: "c", task_id: "t", offset: 4, next: 9 };
  const delta: Content = { type: "delta", channel: "thought", text: "hm", ...place };
  const call: Content = {
    type: "tool_call",
    id: "1",
    title: "Run",
    status: "failed",
    detail: "no",
    ...place,
  };
  const end: Content = { type: "message_complete", ...place };
  expect([delta, call, end].map(entryOf)).toEqual([
    { kind: "thought", text: "hm", offset: 4, next: 9 },
    { kind: "tool", id: "1", title: "Run", status: "failed", detail: "no", offset: 4, next: 9 },
    { kind: "message_end", offset: 4, next: 9 },
  ]);
});

test("a long message is cut into blocks that lose nothing", () => {
  const assembly = new Assembly();
  const line = `${"x".repeat(99)}\n`;
  for (let index = 0; index < 1_000; index += 1) assembly.take(text(index, index + 1, line));
  expect(assembly.blocks.length).toBeGreaterThan(5);
  expect(assembly.blocks.map((block) => ("text" in block ? block.text : "")).join("")).toBe(
    line.repeat(1_000),
  );
  expect(assembly.blocks.slice(1).every((block) => "isContinued" in block && block.isContinued)).toBe(true);
});

test("only so much is kept, the newest, and what was forgotten is counted", () => {
  const assembly = new Assembly();
  const piece = "y".repeat(7_000);
  const pieces = Math.ceil(KEPT_CHARS / piece.length) + 10;
  for (let index = 0; index < pieces; index += 1) assembly.take(text(index, index + 1, piece));
  const kept = assembly.blocks.reduce((sum, block) => sum + ("text" in block ? block.text.length : 0), 0);
  expect(kept).toBeLessThanOrEqual(KEPT_CHARS);
  expect(kept + assembly.forgotten).toBe(pieces * piece.length);
});

test("the tail is as long as was asked for, and never empty", () => {
  const assembly = new Assembly();
  for (let index = 0; index < 20; index += 1) {
    assembly.take(text(index * 2, index * 2 + 1, "z".repeat(100)));
    assembly.take({ kind: "message_end", offset: index * 2 + 1, next: index * 2 + 2 });
  }
  expect(tail(assembly.blocks, 1_000).length).toBe(7);
  expect(tail(assembly.blocks, 1)).toEqual(assembly.blocks.slice(-1));
  expect(tail(assembly.blocks, 1_000_000)).toEqual(assembly.blocks);
  expect(tail([], 10)).toEqual([]);
});
