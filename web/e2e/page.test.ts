// The page as a person uses it: logs in, looks, watches, answers, cancels, makes something.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { DESKTOP, type Deeds, launch, open, PHONE } from "./browser.ts";
import { Home, until } from "./home.ts";
import { counting, TALK } from "./scripts.ts";

let browser: Browser;
let home: Home;
const watched: Deeds[] = [];

beforeAll(async () => {
  browser = await launch();
});
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await home.close();
  // Whatever a test is about: nothing was asked of strangers, nothing was forbidden, nothing broke.
  for (const deeds of watched.splice(0)) expect(deeds).toEqual({ foreign: [], wrong: [] });
});
afterAll(() => browser.close());

async function logIn(options: Parameters<typeof open>[2] = {}): Promise<Page> {
  const { page, deeds } = await open(browser, await home.login(), options);
  watched.push(deeds);
  await page.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  return page;
}

async function go(page: Page, hash: string) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, hash);
}

const fitsTheWindow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

/** All words of an output, from the page. */
const said = (page: Page) =>
  page
    .getByRole("log", { name: "Output" })
    .evaluate((log) =>
      [...log.querySelectorAll('[data-words="text"]')].map((block) => block.textContent).join(""),
    );

/** The same from the daemon, by way of the page's session. */
const transcript = (page: Page, task: string) =>
  page.evaluate(async (task) => {
    const answer = await fetch(`/api/tasks/${task}/transcript?limit=1000`);
    const { entries } = (await answer.json()) as { entries: { kind: string; text?: string }[] };
    return entries.map((entry) => (entry.kind === "text" ? entry.text : "")).join("");
  }, task);

const tasks = (page: Page, run: string) =>
  page.evaluate(async (run) => {
    const answer = await fetch(`/api/runs/${run}`);
    return ((await answer.json()) as { tasks: { id: string; state: string }[] }).tasks;
  }, run);

test("a code logs in once, and leaves no trace in the address", async () => {
  const url = await home.login();
  const { page, deeds } = await open(browser, url);
  watched.push(deeds);
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  expect(new URL(page.url()).pathname + new URL(page.url()).hash).toBe("/");
  await page.getByText("partita demo").waitFor();

  const again = await open(browser, url);
  watched.push(again.deeds);
  await again.page.getByRole("heading", { name: "Open the page from your terminal" }).waitFor();
  await again.page.getByRole("alert").filter({ hasText: "older than a minute" }).waitFor();
  await again.page.getByRole("button", { name: "Copy the command" }).waitFor();

  // A reload keeps the session, and so does another tab.
  await page.reload();
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  const tab = await page.context().newPage();
  await tab.goto(`${new URL(url).origin}/#/work-units`);
  await tab.getByRole("heading", { name: "Work units", level: 1 }).waitFor();
  // Another code is taken although there is a session, and both tabs may go on changing things.
  await tab.goto(await home.login());
  await tab.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  await go(page, "#/work-units");
  await page.getByRole("button", { name: "New work unit" }).click();
  await page.getByLabel("Name").fill("from-the-first-tab");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "from-the-first-tab" }).waitFor();
});

test.each([
  ["desktop", DESKTOP],
  ["phone", PHONE],
] as const)("from the list to a run, its report, a step and the changes: %s", async (_, viewport) => {
  const { runs } = await home.json<{ runs: { slug: string; flow: string }[] }>("demo");
  const slug = (flow: string) => runs.find((run) => run.flow === flow)?.slug ?? "";
  const page = await logIn({ viewport });
  const list = page.getByRole("region", { name: "Runs" });
  await list.getByRole("link", { name: new RegExp(`^${slug("review")} review completed`) }).waitFor();
  expect(await fitsTheWindow(page)).toBe(true);

  await page.getByRole("searchbox", { name: "Find a run" }).fill("discount");
  await list.getByRole("link", { name: new RegExp(slug("review")) }).waitFor({ state: "detached" });
  await list.getByRole("link", { name: new RegExp(slug("fix")) }).click();
  await page.getByRole("heading", { name: slug("fix"), level: 1 }).waitFor();
  const report = page.getByRole("region", { name: "Report" });
  await report.getByRole("heading", { name: "Report: fix" }).waitFor();
  // Whoever came with a keyboard stands on the heading, also once the run is there.
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(slug("fix"));
  expect(await page.getByRole("complementary").innerText()).toContain(`partita run apply ${slug("fix")}`);

  const step = page.getByRole("button", { name: /^Change the code completed/ });
  expect(await step.getAttribute("aria-expanded")).toBe("false");
  await step.focus();
  await page.keyboard.press("Enter");
  expect(await step.getAttribute("aria-expanded")).toBe("true");
  await page.getByText("may write its own copy").waitFor();
  await until("the agent's words are shown", async () => (await said(page)).includes("discount"));
  await page.getByRole("button", { name: /^Gate 1/ }).click();
  await page
    .getByRole("log", { name: "Output" })
    .getByText(/an empty order costs nothing/)
    .waitFor();
  const changes = page.getByRole("region", { name: "Changes" });
  await changes.getByText("due = net + net * tax / 100").waitFor();
  expect(await fitsTheWindow(page)).toBe(true);

  // An open step is a place of its own, and going back leads to the list as it was searched.
  expect(page.url()).toContain("/steps/change");
  await page.goBack();
  await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
  expect(await page.getByRole("searchbox", { name: "Find a run" }).inputValue()).toBe("discount");
  for (const hash of ["#/work-units", "#/attention", `#/runs/${slug("review")}`]) {
    await go(page, hash);
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect(await fitsTheWindow(page), hash).toBe(true);
  }
});

test("a run that goes on is watched live, and what is shown is the transcript", async () => {
  home.makeRepository();
  home.writeFlow("talk", TALK);
  home.script(counting(60, 60));
  const page = await logIn();
  const slug = await home.start("talk", "Count.");
  // The list hears of it without being asked.
  await page.getByRole("link", { name: new RegExp(`^${slug} talk running`) }).click();
  await page.getByRole("button", { name: /^Say it running/ }).click();
  await page.getByText(/line 3 of 60/).waitFor();
  expect(await said(page)).not.toContain("line 60 of 60");
  await page.getByRole("region", { name: "Report" }).waitFor();
  await page
    .getByText(/line 60 of 60/)
    .first()
    .waitFor();
  const [task] = await tasks(page, slug);
  const words = await transcript(page, task?.id ?? "");
  expect(words.match(/line \d+ of 60/g)?.length).toBe(60);
  await until("the page shows the whole transcript", async () => (await said(page)) === words);
  await page.getByRole("status").filter({ hasText: "Connected" }).waitFor();
});

test("an output of many megabytes is shown from its end, and read back on request", async () => {
  home.makeRepository();
  home.writeFlow("talk", TALK);
  const lines = 12_000;
  const text = Array.from({ length: lines }, (_, index) => `line ${index + 1} ${"x".repeat(60)}\\n`).join("");
  home.script(`do = [{ say = { text = "${text}", piece = 4000, delay_ms = 0 } }]\n`);
  const slug = await home.start("talk", "Say much.");
  await home.partita("run", "watch", slug);
  const page = await logIn();
  await go(page, `#/runs/${slug}/steps/talk`);
  const log = page.getByRole("log", { name: "Output" });
  await log.getByText(new RegExp(`line ${lines} `)).waitFor();
  expect((await log.innerText()).length).toBeLessThan(60_000);
  const before = (await log.innerText()).length;
  await page.getByRole("button", { name: "Show earlier" }).click();
  await until("more is shown", async () => (await log.innerText()).length > before);
});

test("a run is paused, goes on, and is cancelled after a second word", async () => {
  home.makeRepository();
  home.writeFlow("talk", TALK);
  home.script("do = [{ hang = true }]\n");
  const slug = await home.start("talk", "Wait.");
  const page = await logIn();
  await go(page, `#/runs/${slug}`);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Paused: what is under way goes on").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();

  await page.getByRole("button", { name: "Cancel run" }).click();
  const dialog = page.getByRole("dialog", { name: `Cancel ${slug}?` });
  await dialog.getByRole("button", { name: "Let it go on" }).click();
  await dialog.waitFor({ state: "detached" });
  expect((await home.json<{ status: string }>("run", "show", slug)).status).toBe("running");
  await page.getByRole("button", { name: "Cancel run" }).click();
  await dialog.getByRole("button", { name: "Cancel the run" }).click();
  await page.getByRole("button", { name: /^Say it cancelled/ }).waitFor();
  await until(
    "the run is cancelled",
    async () => (await home.json<{ status: string }>("run", "show", slug)).status === "cancelled",
  );
  await page.getByRole("button", { name: "Cancel run" }).waitFor({ state: "detached" });
});

test("a failed step is done again from the page, and skipped", async () => {
  home.makeRepository();
  home.writeFlow("talk", TALK);
  home.script('do = [{ fail = "bad_request" }]\n');
  const slug = await home.start("talk", "Fail.");
  const page = await logIn();
  await go(page, `#/runs/${slug}`);
  const step = page.getByRole("button", { name: /^Say it failed/ });
  await step.click();
  await page.getByText("prompt is too long").first().waitFor();
  await page.getByRole("button", { name: "Retry step" }).click();
  await page.getByRole("button", { name: /^Try 2/ }).waitFor();
  await step.waitFor();
  await page.getByRole("button", { name: "Skip step" }).click();
  await page.getByRole("button", { name: /^Say it skipped/ }).waitFor();
  await until(
    "the run is completed",
    async () => (await home.json<{ status: string }>("run", "show", slug)).status === "completed",
  );
});

test("commands are approved exactly as shown, by choosing and then saying so", async () => {
  home.makeRepository();
  home.writeFlow(
    "checks",
    `name = "checks"
category = "analysis"
version = 1
summary = "Runs a command of the project's."
[[step]]
id = "checks"
kind = "command"
command = "echo '<b>was-run</b>' # \\u202e"
[[step]]
id = "go"
title = "Shall it go out?"
kind = "approval"
needs = ["checks"]
`,
  );
  const page = await logIn();
  const slug = await home.start("checks", "all");
  const nav = page.getByRole("navigation", { name: "Screens" });
  await nav.getByLabel("1 item").waitFor();
  await nav.getByRole("link", { name: /Waiting/ }).click();
  const item = page.getByRole("article");
  // In full, and as text: what would turn the line around is shown for what it is.
  await item.getByText("echo '<b>was-run</b>' # ⟦U+202E⟧").waitFor();
  expect(await item.getByRole("radio", { checked: true }).count()).toBe(0);
  expect(await item.getByRole("button", { name: "Choose an answer" }).isDisabled()).toBe(true);
  expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe("BUTTON");
  await item.getByRole("radio", { name: /^Approve/ }).check();
  expect((await home.json<{ items: unknown[] }>("attention")).items.length).toBe(1);
  await item.getByRole("button", { name: "Answer: Approve" }).click();

  const second = page.getByRole("article", { name: /Shall it go out/ });
  await second.getByRole("radio", { name: /^Approve/ }).check();
  await second.getByLabel(/In your words/).fill("go");
  await second.getByRole("button", { name: "Answer: Approve" }).click();
  await page.getByText("Nothing waits for you").waitFor();
  await until(
    "the run is completed",
    async () => (await home.json<{ status: string }>("run", "show", slug)).status === "completed",
  );
  await nav.getByLabel("1 item").waitFor({ state: "detached" });
});

test("work units are made here, appear from elsewhere, and tell their history", async () => {
  const page = await logIn();
  await go(page, "#/work-units");
  await page.getByText("No work units yet").waitFor();
  await page.getByRole("button", { name: "New work unit" }).click();
  await page.getByLabel("Name").fill("rate-limits");
  await page.getByLabel("Priority").fill("5");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "rate-limits", level: 1 }).waitFor();

  await go(page, "#/work-units");
  await home.partita("work-unit", "create", "retry-budget", "--blocked-by", "rate-limits");
  await page.getByRole("link", { name: /^retry-budget blocked after rate-limits/ }).waitFor();
  await page.getByRole("button", { name: "New work unit" }).click();
  await page.getByLabel("Name").fill("rate-limits");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "rate-limits" }).waitFor();
  await page.getByRole("button", { name: "Not now" }).click();

  await home.partita("work-unit", "status", "rate-limits", "RUNNING");
  await home.partita("work-unit", "status", "rate-limits", "DONE");
  await page.getByRole("link", { name: /^retry-budget ready/ }).click();
  await page.getByRole("heading", { name: "History" }).waitFor();
  expect(await page.getByRole("listitem").count()).toBeGreaterThanOrEqual(2);
});
