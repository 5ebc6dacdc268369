// What the page goes through: a daemon that is killed under it, a session that ends, an agent that means harm.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { DESKTOP, launch, open, PHONE } from "./browser.ts";
import { Home, until } from "./home.ts";
import { counting, HOSTILE, hostileScript, TALK } from "./scripts.ts";

let browser: Browser;
let home: Home;

beforeAll(async () => {
  browser = await launch();
});
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await home.close();
});
afterAll(() => browser.close());

const link = (page: Page, word: string) => page.getByRole("status").filter({ hasText: word }).first();

/** The places of all events since one, as a reader has them that never lost its connection. */
const places = (page: Page, after: string) =>
  page.evaluate(async (after) => {
    const { position } = (await (await fetch("/api/status")).json()) as { position: number };
    // The last events may be none that a frame tells of: then this is how long it listens for more.
    const signal = AbortSignal.timeout(4_000);
    const headers = { accept: "text/event-stream" };
    const answer = await fetch(`/api/feed?after=${after}&topics=work_units,attention,runs`, {
      headers,
      signal,
    });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const ids: string[] = [];
    let text = "";
    try {
      while (reader && !ids.some((id) => Number(id) >= position)) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const events = text.split("\n\n");
        text = events.pop() ?? "";
        const told = events.filter((event) => !event.includes("event: hello"));
        ids.push(...told.flatMap((event) => /^id: ?(.*)$/m.exec(event)?.[1] ?? []));
      }
    } catch {
      if (!signal.aborted) throw new Error("the feed broke");
    }
    return ids;
  }, after);

test("the daemon is killed and starts again: the page goes on without reload, gap or double", async () => {
  home.makeRepository();
  home.writeFlow("talk", TALK);
  home.script(counting(80, 60));
  const url = await home.login();
  const { page, deeds } = await open(browser, "about:blank");
  const heard: { id: string | null; isHello: boolean }[] = [];
  let sockets = 0;
  page.on("websocket", (socket) => {
    if (!socket.url().includes("work_units")) return;
    sockets += 1;
    socket.on("framereceived", ({ payload }) => {
      const message = JSON.parse(String(payload)) as { id: string | null; frame: unknown };
      heard.push({ id: message.id, isHello: message.frame === null });
    });
  });
  await page.goto(url);
  await link(page, "Connected").waitFor();
  await page.evaluate(() => {
    (globalThis as { isSame?: boolean }).isSame = true;
  });
  const slug = await home.start("talk", "Count.");
  await page.getByRole("link", { name: new RegExp(slug) }).click();
  await page.getByRole("button", { name: /^Say it running/ }).click();
  await page.getByText(/line 4 of 80/).waitFor();

  await home.kill();
  await page.getByText(/^Reconnecting since/).waitFor();
  // What was there is still there.
  expect(await page.getByRole("log", { name: "Output" }).innerText()).toContain("line 4 of 80");
  await page.getByRole("heading", { name: slug, level: 1 }).waitFor();

  await home.partita("start");
  await link(page, "Connected").waitFor();
  await page.getByText(/^Reconnecting since/).waitFor({ state: "detached" });
  await page.getByRole("button", { name: /^Try 2/ }).waitFor();
  await page.getByRole("region", { name: "Report" }).waitFor();
  expect(await page.evaluate(() => (globalThis as { isSame?: boolean }).isSame)).toBe(true);
  expect(sockets).toBeGreaterThanOrEqual(2);

  // Every try shows what the transcript has: no line is missing, none is there twice.
  const { tasks } = await home.json<{ tasks: { id: string; state: string }[] }>("run", "show", slug);
  expect(tasks.map((task) => task.state)).toEqual(["interrupted", "completed"]);
  for (const [index, task] of tasks.entries()) {
    await page.getByRole("button", { name: new RegExp(`^Try ${index + 1}`) }).click();
    const expected = await page.evaluate(async (task) => {
      const answer = await fetch(`/api/tasks/${task}/transcript?limit=1000`);
      const { entries } = (await answer.json()) as { entries: { kind: string; text?: string }[] };
      return entries.map((entry) => (entry.kind === "text" ? entry.text : "")).join("");
    }, task.id);
    expect(expected).toContain("line 4 of 80");
    const words = () =>
      page
        .getByRole("log", { name: "Output" })
        .evaluate((log) =>
          [...log.querySelectorAll('[data-words="text"]')].map((block) => block.textContent).join(""),
        );
    await until(`try ${index + 1} is shown as it was`, async () => (await words()) === expected);
  }

  // Every event since the page opened came exactly once, in order.
  const first = heard.find((message) => message.isHello)?.id ?? "";
  const ids = heard.filter((message) => !message.isHello).map((message) => message.id);
  const expected = await places(page, first);
  expect(expected.length).toBeGreaterThan(5);
  await until("the page has heard of everything", () => ids.length >= expected.length);
  expect(ids).toEqual(expected);
  expect(deeds.wrong).toEqual([]);
});

test("a session that ends says how to begin another, and the page then goes on", async () => {
  const { page, context } = await open(browser, await home.login());
  await link(page, "Connected").waitFor();
  await page.evaluate(() => {
    (globalThis as { isSame?: boolean }).isSame = true;
  });
  await page.evaluate(async () => {
    const token = localStorage.getItem("partita-page-token") ?? "";
    await fetch("/api/login", { method: "DELETE", headers: { "partita-page-token": token } });
  });
  await page
    .getByRole("alert")
    .filter({ hasText: "Your session has ended" })
    .filter({ hasText: "partita ui" })
    .waitFor();
  const tab = await context.newPage();
  await tab.goto(await home.login());
  await link(tab, "Connected").waitFor();
  await page.bringToFront();
  await link(page, "Connected").waitFor();
  expect(await page.evaluate(() => (globalThis as { isSame?: boolean }).isSame)).toBe(true);
});

test("an old session's cookie keeps nobody from logging in", async () => {
  const { page, context } = await open(browser, await home.login());
  await link(page, "Connected").waitFor();
  const { port } = new URL(page.url());
  await context.addCookies([
    { name: `partita-${port}`, value: "0".repeat(64), url: new URL(page.url()).origin },
  ]);
  await page.goto(await home.login());
  await link(page, "Connected").waitFor();
});

test.each([
  ["desktop", DESKTOP],
  ["phone", PHONE],
] as const)("what an agent says does nothing but stand there: %s", async (_, viewport) => {
  home.makeRepository();
  home.writeFlow("harm", HOSTILE);
  home.script(hostileScript());
  const slug = await home.start(
    "harm",
    '<img src=x onerror=alert(1)> "><script>alert(2)</script> \u202e gnp.exe',
  );
  await home.partita("run", "watch", slug).catch(() => {});
  const { page, deeds } = await open(browser, "about:blank", { viewport });
  await page.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    document.addEventListener("securitypolicyviolation", (event) =>
      seen.push(`${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  const url = await home.login();
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  for (const hash of [
    "#/runs",
    `#/runs/${slug}`,
    `#/runs/${slug}/steps/harm`,
    "#/attention",
    "#/work-units",
  ]) {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, hash);
    await page.getByRole("heading", { level: 1 }).waitFor();
    if (hash.includes(slug)) await page.getByRole("region", { name: "Report" }).waitFor();
    if (hash.endsWith("harm"))
      await page.getByRole("log", { name: "Output" }).getByText("I mean no harm").first().waitFor();
    // Words of the agent's, wherever they stand, are words.
    const found = await page.evaluate(() => ({
      scripts: [...document.scripts].filter((script) => !new URL(script.src).pathname.startsWith("/assets/"))
        .length,
      frames: document.querySelectorAll("iframe, object, embed, img, form[action], base, meta[http-equiv]")
        .length,
      links: [...document.links]
        .map((link) => link.protocol)
        .filter((protocol) => !["http:", "https:"].includes(protocol)),
      handlers: [...document.querySelectorAll("*")].filter((element) =>
        [...element.attributes].some(
          (attribute) => attribute.name.startsWith("on") || attribute.name === "style",
        ),
      ).length,
      hidden: /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(document.body.innerText),
      wide: [...document.querySelectorAll("body *")]
        .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .filter((element) => !element.closest("pre, [role=group], [role=log]"))
        .map((element) => `${element.tagName} ${element.className}`),
    }));
    expect(found, hash).toEqual({
      scripts: 0,
      frames: 0,
      links: [],
      handlers: 0,
      hidden: false,
      wide: [],
    });
  }
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/runs/${slug}/steps/harm`);
  const log = page.getByRole("log", { name: "Output" });
  await log.getByText("<script>alert(1)</script>").filter({ visible: true }).first().waitFor();
  await log.getByText("␛[2J").filter({ visible: true }).first().waitFor();
  await log.getByText("⟦U+202E⟧").filter({ visible: true }).first().waitFor();
  await page.getByRole("region", { name: "Changes" }).getByText("<b>not bold</b>").waitFor();
  expect(await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)).toEqual([]);
  const { origin, host } = new URL(url);
  const known = (asked: string) => {
    const { protocol, host: asker, pathname } = new URL(asked);
    return (
      asker === host &&
      ["http:", "ws:"].includes(protocol) &&
      /^\/(login|assets\/.*|api\/.*)?$/.test(pathname)
    );
  };
  expect(
    requests.filter((asked) => !known(asked)),
    origin,
  ).toEqual([]);
  expect(deeds.wrong).toEqual([]);
});
