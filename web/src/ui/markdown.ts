// Reads Markdown into plain values. Nothing here makes HTML: what looks like it stays text.
import { marked, type Token, type Tokens } from "marked";

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "strong"; inner: Inline[] }
  | { kind: "em"; inner: Inline[] }
  | { kind: "del"; inner: Inline[] }
  | {
      kind: "link";
      href: string;
      inner: Inline[] /** The address, where the words do not show it. */;
      shown: string;
    }
  | { kind: "break" };

export type Cell = { inner: Inline[] };

export type Markdown =
  | { kind: "heading"; level: number; inner: Inline[] }
  | { kind: "paragraph"; inner: Inline[] }
  | { kind: "code"; text: string; language: string }
  | { kind: "quote"; inner: Markdown[] }
  | { kind: "list"; isOrdered: boolean; start: number; items: { check: boolean | null; inner: Markdown[] }[] }
  | { kind: "table"; head: Cell[]; rows: Cell[][] }
  | { kind: "rule" }
  | { kind: "plain"; text: string };

/** A longer text is shown as it is. */
const CHARS_MAX = 500_000;
const DEPTH_MAX = 24;

export function read(text: string): Markdown[] {
  if (text.length > CHARS_MAX || isTooDeep(text)) return [{ kind: "plain", text }];
  try {
    return blocks(marked.lexer(text, { gfm: true, breaks: false }), 0);
  } catch {
    // Written to break whoever reads it.
    return [{ kind: "plain", text }];
  }
}

/** Quotes, lists and brackets in each other cost the reader more than they could ever tell. */
function isTooDeep(text: string): boolean {
  return /^(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)])){24}/m.test(text) || /[[(*_~`]{200}/.test(text);
}

function blocks(tokens: Token[], depth: number): Markdown[] {
  return tokens.flatMap((token) => block(token, depth));
}

function block(token: Token, depth: number): Markdown[] {
  if (depth > DEPTH_MAX) return [{ kind: "plain", text: token.raw }];
  switch (token.type) {
    case "space":
    case "def":
      return [];
    case "heading":
      return [
        { kind: "heading", level: (token as Tokens.Heading).depth, inner: inline(token.tokens, depth) },
      ];
    case "paragraph":
      return [{ kind: "paragraph", inner: inline(token.tokens, depth) }];
    case "text":
      return [{ kind: "paragraph", inner: token.tokens ? inline(token.tokens, depth) : [plain(token)] }];
    case "code":
      return [
        { kind: "code", text: (token as Tokens.Code).text, language: (token as Tokens.Code).lang ?? "" },
      ];
    case "blockquote":
      return [{ kind: "quote", inner: blocks(token.tokens ?? [], depth + 1) }];
    case "list":
      return [list(token as Tokens.List, depth)];
    case "table":
      return [table(token as Tokens.Table, depth)];
    case "hr":
      return [{ kind: "rule" }];
    default:
      return [{ kind: "plain", text: token.raw }];
  }
}

function list(token: Tokens.List, depth: number): Markdown {
  const items = token.items.map((item) => ({
    check: item.task ? item.checked === true : null,
    inner: blocks(
      item.tokens.filter((inner) => inner.type !== "checkbox"),
      depth + 1,
    ),
  }));
  return { kind: "list", isOrdered: token.ordered, start: Number(token.start) || 1, items };
}

function table(token: Tokens.Table, depth: number): Markdown {
  const cell = (cell: Tokens.TableCell): Cell => ({ inner: inline(cell.tokens, depth) });
  return { kind: "table", head: token.header.map(cell), rows: token.rows.map((row) => row.map(cell)) };
}

function inline(tokens: Token[] | undefined, depth: number): Inline[] {
  return (tokens ?? []).flatMap((token) => span(token, depth + 1));
}

function span(token: Token, depth: number): Inline[] {
  if (depth > DEPTH_MAX) return [{ kind: "text", text: token.raw }];
  switch (token.type) {
    case "text":
      return token.tokens ? inline(token.tokens, depth) : [plain(token)];
    case "escape":
      return [plain(token)];
    case "codespan":
      return [{ kind: "code", text: (token as Tokens.Codespan).text }];
    case "strong":
    case "em":
    case "del":
      return [{ kind: token.type, inner: inline(token.tokens, depth) }];
    case "br":
      return [{ kind: "break" }];
    case "link":
      return link(token as Tokens.Link, depth);
    case "image":
      // Showing it would tell somebody that it was read.
      return [
        { kind: "text", text: `[image: ${(token as Tokens.Image).text}] (${(token as Tokens.Image).href})` },
      ];
    default:
      return [{ kind: "text", text: token.raw }];
  }
}

function link(token: Tokens.Link, depth: number): Inline[] {
  const inner = inline(token.tokens, depth);
  const href = address(token.href);
  if (href === null)
    return [...inner, { kind: "text", text: token.text === token.href ? "" : ` (${token.href})` }];
  return [{ kind: "link", href, inner, shown: token.text === token.href ? "" : new URL(href).host }];
}

/** An address that is safe to follow; none for scripts, files and places relative to this page. */
export function address(href: string): string | null {
  try {
    const url = new URL(href);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

function plain(token: Token): Inline {
  const text = "text" in token && typeof token.text === "string" ? token.text : token.raw;
  return {
    kind: "text",
    text: text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity),
  };
}

const ENTITIES: Record<string, string> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
};
