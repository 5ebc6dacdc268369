// A browser of one's own, which tells what a page did that no page of ours may do.
import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { PATIENCE_MS } from "./home.ts";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export async function launch(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (executablePath === undefined)
    throw new Error("there is no chromium: install it, or say where it is in CHROMIUM");
  const quiet = ["quic", "gpu", "background-networking", "component-update", "sync"].map(
    (what) => `--disable-${what}`,
  );
  // A page that did not come over the network counts as one from elsewhere, which may not talk to this machine.
  const lenient = process.env.PARTITA_PAGE === "dist" ? ["--disable-features=LocalNetworkAccessChecks"] : [];
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--no-first-run", ...quiet, ...lenient] });
}

/** What a page did. */
export interface Deeds {
  /** Requests to anybody but the daemon. */
  foreign: string[];
  /** Everything that the policy forbade, and every error. */
  wrong: string[];
}

type Options = Parameters<Browser["newContext"]>[0];

export async function open(
  browser: Browser,
  url: string,
  options: Options = {},
): Promise<{ page: Page; context: BrowserContext; deeds: Deeds }> {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const deeds = watch(page, new URL(url).origin);
  if (process.env.PARTITA_PAGE === "dist") await fromDist(page);
  await page.goto(url);
  return { page, context, deeds };
}

const TYPES: Record<string, string> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
};

/** Shows the bundle of this checkout instead of the one that the program carries, under the same policy. */
async function fromDist(page: Page) {
  const dist = join(import.meta.dirname, "../dist");
  await page.route(/:\d+\/(login|assets\/[^?]*)?$/, async (route) => {
    const { port, pathname } = new URL(route.request().url());
    // Browsers know every name below `localhost`, the resolver here may not.
    const { headers } = await fetch(`http://127.0.0.1:${port}/`);
    const file = pathname.startsWith("/assets/") ? pathname.slice(1) : "index.html";
    await route.fulfill({
      body: readFileSync(join(dist, file)),
      contentType: TYPES[extname(file).slice(1)] ?? "application/octet-stream",
      headers: { "content-security-policy": headers.get("content-security-policy") ?? "" },
    });
  });
}

function watch(page: Page, origin: string): Deeds {
  const deeds: Deeds = { foreign: [], wrong: [] };
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:")) deeds.foreign.push(url);
  });
  page.on("websocket", (socket) => {
    if (!socket.url().startsWith(origin.replace("http", "ws"))) deeds.foreign.push(socket.url());
  });
  page.on("pageerror", (error) => deeds.wrong.push(String(error)));
  page.on("dialog", (dialog) => {
    deeds.wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    // A daemon that is away, or says no, is said so by the browser, too.
    const isExpected = /Failed to load resource|WebSocket connection/.test(message.text());
    if (message.type() === "error" && !isExpected) deeds.wrong.push(message.text());
  });
  return deeds;
}
