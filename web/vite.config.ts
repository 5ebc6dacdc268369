// How the bundle is made, and where the development server finds the daemon.
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { writeSourceHash } from "./build/source_hash.ts";

const root = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");

export default defineConfig({
  plugins: [svelte(), writeSourceHash(root)],
  build: {
    target: "es2023",
    // The policy of the page allows neither inline scripts nor data of other kinds than images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: process.env.PARTITA_URL ?? "http://127.0.0.1:7700" } },
  },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
    reporters: ["default", "./build/summary.ts"],
  },
});
