import { expect, test } from "vitest";
import { linesOf, parseDiff } from "./diff";

const DIFF = `diff --git a/a.sh b/a.sh
index 1..2 100644
--- a/a.sh
+++ b/a.sh
@@ -1,3 +1,3 @@ total() {
 same
-old
+new
 
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-bye
\\ No newline at end of file
diff --git a/x.bin b/x.bin
Binary files a/x.bin and b/x.bin differ
diff --git a/from.md b/to.md
similarity index 100%
rename from from.md
rename to to.md
`;

test("files, hunks and lines with their numbers", () => {
  const files = parseDiff(DIFF);
  expect(files.map((file) => [file.path, file.hunks.length])).toEqual([
    ["a.sh", 1],
    ["gone.txt", 1],
    ["x.bin", 0],
    ["to.md", 0],
  ]);
  expect(files[0]?.hunks[0]?.lines).toEqual([
    { kind: "same", text: "same", before: 1, after: 1 },
    { kind: "removed", text: "old", before: 2, after: null },
    { kind: "added", text: "new", before: null, after: 2 },
    { kind: "same", text: "", before: 3, after: 3 },
  ]);
  expect(files[1]?.hunks[0]?.lines.map((line) => line.kind)).toEqual(["removed", "note"]);
});

test("what a file contains is never taken for the diff's own words", () => {
  const text = `diff --git a/evil b/evil
--- a/evil
+++ b/evil
@@ -1,2 +1,3 @@
--- a/innocent
-diff --git a/x b/x
+++ b/innocent
+@@ -1 +1 @@
+diff --git a/y b/y
`;
  const files = parseDiff(text);
  expect(files.map((file) => file.path)).toEqual(["evil"]);
  expect(files[0]?.hunks[0]?.lines.map((line) => [line.kind, line.text])).toEqual([
    ["removed", "-- a/innocent"],
    ["removed", "diff --git a/x b/x"],
    ["added", "++ b/innocent"],
    ["added", "@@ -1 +1 @@"],
    ["added", "diff --git a/y b/y"],
  ]);
});

test("a diff that was cut in the middle shows what there is", () => {
  const files = parseDiff("diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,9 +1,9 @@\n one\n+tw");
  expect(files[0]?.hunks[0]?.lines.length).toBe(2);
});

test("a name that git wrote in another way is found by its place", () => {
  const text = `diff --git a/a b.md b/a b.md
--- /dev/null
+++ b/a b.md	
@@ -0,0 +1 @@
+one
diff --git "a/\\303\\244.md" "b/\\303\\244.md"
--- "a/\\303\\244.md"
+++ "b/\\303\\244.md"
@@ -0,0 +1 @@
+two
`;
  const found = linesOf(["a b.md", "ä.md", "later.md"], parseDiff(text));
  expect(found.map((file) => file?.hunks[0]?.lines[0]?.text)).toEqual(["one", "two", undefined]);
});
