// Reads a unified diff into files, hunks and lines. Lines are counted as the hunk's head says: what a changed file
// contains can then never be taken for the diff's own words.

export type LineKind = "same" | "added" | "removed" | "note";

export interface Line {
  kind: LineKind;
  text: string;
  before: number | null;
  after: number | null;
}

export interface Hunk {
  head: string;
  lines: Line[];
}

export interface FileDiff {
  path: string;
  hunks: Hunk[];
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

export function parseDiff(text: string): FileDiff[] {
  const lines = text.split("\n");
  const files: FileDiff[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (line.startsWith("diff --git ")) {
      files.push({ path: pathOf(lines, at), hunks: [] });
      at += 1;
    } else if (HUNK.test(line) && files.length > 0) {
      at = hunk(lines, at, files.at(-1) as FileDiff);
    } else {
      at += 1;
    }
  }
  return files;
}

function hunk(lines: string[], start: number, file: FileDiff): number {
  const head = lines[start] ?? "";
  const found = HUNK.exec(head);
  let [before, after] = [Number(found?.[1]), Number(found?.[3])];
  let [olds, news] = [Number(found?.[2] ?? 1), Number(found?.[4] ?? 1)];
  const hunk: Hunk = { head, lines: [] };
  file.hunks.push(hunk);
  let at = start + 1;
  for (; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const [sign, text] = [line[0], line.slice(1)];
    if (sign === "\\") hunk.lines.push({ kind: "note", text: text.trim(), before: null, after: null });
    else if (olds <= 0 && news <= 0) break;
    else if (sign === "+") {
      hunk.lines.push({ kind: "added", text, before: null, after });
      after += 1;
      news -= 1;
    } else if (sign === "-") {
      hunk.lines.push({ kind: "removed", text, before, after: null });
      before += 1;
      olds -= 1;
    } else if (sign === " " || (line === "" && at < lines.length - 1)) {
      hunk.lines.push({ kind: "same", text, before, after });
      before += 1;
      after += 1;
      olds -= 1;
      news -= 1;
    } else break;
  }
  return at;
}

/** The file's name now: from the line that names it, or from the head where there is none. */
function pathOf(lines: string[], start: number): string {
  for (let at = start + 1; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line.startsWith("diff --git ") || HUNK.test(line)) break;
    const named = /^(?:\+\+\+ b\/|rename to )(.*)$/.exec(line) ?? /^--- a\/(.*)$/.exec(line);
    // Git puts a tab behind a name with a space in it.
    const isOld = line.startsWith("--- ") && (lines[at + 1] ?? "").startsWith("+++ b/");
    if (named && !isOld) return (named[1] ?? "").replace(/\t$/, "");
  }
  return / b\/(.*)$/.exec(lines[start] ?? "")?.[1] ?? "";
}

/** The lines of each file of a list: by its name, or by its place where git wrote the name in another way. */
export function linesOf(paths: readonly string[], parsed: readonly FileDiff[]): (FileDiff | undefined)[] {
  const named = new Map(parsed.map((file) => [file.path, file]));
  const listed = new Set(paths);
  return paths.map((path, index) => {
    const placed = parsed[index];
    return named.get(path) ?? (placed && !listed.has(placed.path) ? placed : undefined);
  });
}
