// The browser tests: a real daemon and a real browser, one file after the other. In the mode `screenshots` the pictures.
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => ({
  test: {
    root: import.meta.dirname,
    include: mode === "screenshots" ? ["screenshots.ts"] : ["*.test.ts"],
    environment: "node",
    reporters: ["default", "../build/summary.ts"],
    fileParallelism: false,
    testTimeout: mode === "screenshots" ? 600_000 : 120_000,
    hookTimeout: 120_000,
  },
}));
