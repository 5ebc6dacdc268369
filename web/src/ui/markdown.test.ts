import { expect, test } from "vitest";
import { address, type Inline, type Markdown, read } from "./markdown";

/** Every link that a text leads to. */
function links(parts: readonly (Markdown | Inline)[]): string[] {
  return parts.flatMap((part): string[] => {
    const own = "href" in part ? [part.href] : [];
    const inner = "inner" in part ? links(part.inner) : [];
    const items = part.kind === "list" ? part.items.flatMap((item) => links(item.inner)) : [];
    const cells =
      part.kind === "table" ? [...part.head, ...part.rows.flat()].flatMap((cell) => links(cell.inner)) : [];
    return [...own, ...inner, ...items, ...cells];
  });
}

test("a report is headings, paragraphs, lists, code and tables", () => {
  const text =
    "# A *b*\n\n1. one\n2. `two`\n\n```rust\nfn x() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> said\n\n---\n";
  expect(read(text)).toEqual([
    {
      kind: "heading",
      level: 1,
      inner: [
        { kind: "text", text: "A " },
        { kind: "em", inner: [{ kind: "text", text: "b" }] },
      ],
    },
    {
      kind: "list",
      isOrdered: true,
      start: 1,
      items: [
        { check: null, inner: [{ kind: "paragraph", inner: [{ kind: "text", text: "one" }] }] },
        { check: null, inner: [{ kind: "paragraph", inner: [{ kind: "code", text: "two" }] }] },
      ],
    },
    { kind: "code", text: "fn x() {}", language: "rust" },
    {
      kind: "table",
      head: [{ inner: [{ kind: "text", text: "a" }] }, { inner: [{ kind: "text", text: "b" }] }],
      rows: [[{ inner: [{ kind: "text", text: "1" }] }, { inner: [{ kind: "text", text: "2" }] }]],
    },
    { kind: "quote", inner: [{ kind: "paragraph", inner: [{ kind: "text", text: "said" }] }] },
    { kind: "rule" },
  ]);
});

test("HTML stays text", () => {
  const text = "<script>alert(1)</script>\n\nso <img src=x onerror=alert(1)> it <b>is</b>\n";
  const shown = JSON.stringify(read(text));
  expect(shown).toContain("<script>alert(1)</script>");
  expect(shown).toContain("<img src=x onerror=alert(1)>");
  expect(links(read(text))).toEqual([]);
});

test("only links to the web are links", () => {
  const hrefs = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example/x",
    "/api/runs",
    "#/runs",
    "blob:http://x/y",
    "partita:x",
  ];
  for (const href of hrefs) expect(links(read(`[click](<${href}>) <${href}>`)), href).toEqual([]);
  expect(links(read("[a](https://example.org/x?y=1) and https://example.org/z"))).toEqual([
    "https://example.org/x?y=1",
    "https://example.org/z",
  ]);
  expect(address("https://example.org")).toBe("https://example.org/");
});

test("a link says where it leads when its words do not", () => {
  const [part] = read("[https://bank.example](https://evil.example/login)");
  expect(part).toMatchObject({ kind: "paragraph", inner: [{ kind: "link", shown: "evil.example" }] });
});

test("images are named and not fetched", () => {
  const [part] = read("![a cat](https://evil.example/seen.png)");
  expect(part).toEqual({
    kind: "paragraph",
    inner: [{ kind: "text", text: "[image: a cat] (https://evil.example/seen.png)" }],
  });
});

test("what is written to break a reader is shown as it is, and soon", () => {
  const traps = [
    ">".repeat(50_000),
    "- ".repeat(5_000),
    "[".repeat(50_000),
    `${"*a ".repeat(20_000)}`,
    "`".repeat(30_000),
    `${"![".repeat(5_000)}x`,
    "a".repeat(600_000),
    `<${"a ".repeat(20_000)}`,
    "|a".repeat(20_000),
  ];
  for (const trap of traps) {
    const before = performance.now();
    expect(read(trap).length).toBeGreaterThan(0);
    expect(performance.now() - before, trap.slice(0, 8)).toBeLessThan(10_000);
  }
});
