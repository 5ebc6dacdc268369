// Says of which sources a bundle was made. The rule is in web/README.md; a test of the server computes the same.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** Folders directly below `web/` that do not go into the bundle. */
const APART = new Set(["dist", "node_modules", "screenshots", "e2e"]);

export function sourceHash(root: string): string {
  const paths = readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name];
    if (APART.has(entry.name)) return [];
    const below = readdirSync(join(root, entry.name), { recursive: true, withFileTypes: true });
    return below
      .filter((file) => file.isFile())
      .map((file) =>
        join(file.parentPath, file.name)
          .slice(root.length + 1)
          .replaceAll("\\", "/"),
      );
  });
  const lines = paths
    .map((path) => Buffer.from(path))
    .sort(Buffer.compare)
    .map((path) => `${sha256(readFileSync(join(root, path.toString())))}  ${path}\n`);
  return sha256(lines.join(""));
}

function sha256(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Writes `SOURCE_HASH` beside the bundle after a build. */
export function writeSourceHash(root: string): Plugin {
  return {
    name: "source-hash",
    apply: "build",
    writeBundle({ dir }) {
      if (dir === undefined) throw new Error("a bundle is written into a folder");
      writeFileSync(join(dir, "SOURCE_HASH"), `${sourceHash(root)}\n`);
    },
  };
}
