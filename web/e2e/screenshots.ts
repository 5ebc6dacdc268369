// Takes a picture of each screen, on a desk and on a phone, by day and by night. `npm run screenshots` leaves them in
// `screenshots/`; one of them is the README's.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { DESKTOP, launch, open, PHONE } from "./browser.ts";
import { Home, until } from "./home.ts";
import { APPROVAL, SHOWCASE, showcase } from "./showcase.ts";

const OUT = join(import.meta.dirname, "../screenshots");

const home = new Home();
afterAll(() => home.close());

test("the screens are pictured", async () => {
  const browser = await launch();
  onTestFinished(() => browser.close());
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  const names = await prepare();
  for (const [size, viewport] of [
    ["desktop", DESKTOP],
    ["phone", PHONE],
  ] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      const isPhone = size === "phone";
      const options = { viewport, colorScheme, hasTouch: isPhone, deviceScaleFactor: isPhone ? 2 : 1 };
      const { page, context, deeds } = await open(browser, await home.login(), options);
      for (const [name, hash, ready] of screens(names)) {
        await page.evaluate((hash) => {
          location.hash = hash;
        }, hash);
        await ready(page);
        await whole(page, viewport);
        await page.screenshot({ path: join(OUT, `${name}-${size}-${colorScheme}.png`) });
        await page.setViewportSize(viewport);
      }
      expect(deeds).toEqual({ foreign: [], wrong: [] });
      if (viewport === DESKTOP && colorScheme === "light") await picture(page, names.live);
      await context.close();
    }
  }
});

/** A window as high as the page: what is fixed at its foot lies over nothing. */
async function whole(page: Page, { width, height }: { width: number; height: number }) {
  const needed = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: Math.max(needed, height) });
}

/** The one that the README shows. */
async function picture(page: Page, run: string) {
  await page.setViewportSize({ width: 1280, height: 880 });
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/runs/${run}/steps/survey%5B1%5D`);
  await page.getByText("third").first().waitFor();
  await page.screenshot({ path: join(OUT, "page.png") });
}

async function prepare(): Promise<Record<"review" | "fix" | "live" | "failed", string>> {
  const demo = await home.json<{ runs: { slug: string; flow: string }[] }>("demo");
  const of = (flow: string) => demo.runs.find((run) => run.flow === flow)?.slug ?? "";
  await home.partita("stop");
  home.script(SHOWCASE);
  home.makeRepository();
  for (const [name, flow] of Object.entries(showcase)) home.writeFlow(name, flow);
  const failed = await home.start("audit", "Does every handler check who is asking?");
  await home.partita("run", "watch", failed).catch(() => {});
  const live = await home.start(
    "survey",
    "Where does a request spend its time, from the socket to the answer?",
  );
  await home.start(APPROVAL, "Is main fit to be released?");
  await home.partita("work-unit", "create", "rate-limits", "--priority", "5");
  await home.partita("work-unit", "create", "retry-budget", "--blocked-by", "rate-limits");
  await until("something waits for a person", async () => {
    const { items } = await home.json<{ items: unknown[] }>("attention");
    return items.length > 0;
  });
  return { review: of("review"), fix: of("fix"), live, failed };
}

function screens(
  names: Awaited<ReturnType<typeof prepare>>,
): [string, string, (page: Page) => Promise<unknown>][] {
  const heading = (name: string) => (page: Page) => page.getByRole("heading", { name, level: 1 }).waitFor();
  return [
    ["runs", "#/runs", async (page) => page.getByRole("link", { name: names.fix }).first().waitFor()],
    ["run", `#/runs/${names.review}`, async (page) => page.getByRole("region", { name: "Report" }).waitFor()],
    [
      "changes",
      `#/runs/${names.fix}`,
      async (page) =>
        page
          .getByRole("group", { name: /^Changes of/ })
          .first()
          .waitFor(),
    ],
    ["step", `#/runs/${names.fix}/steps/change`, async (page) => page.getByText("Prompt").first().waitFor()],
    [
      "live",
      `#/runs/${names.live}/steps/survey%5B1%5D`,
      async (page) => page.getByText("third").first().waitFor(),
    ],
    ["failed", `#/runs/${names.failed}`, heading(names.failed)],
    [
      "work-units",
      "#/work-units",
      async (page) =>
        page
          .getByRole("link", { name: /rate-limits/ })
          .first()
          .waitFor(),
    ],
    [
      "work-unit",
      "#/work-units/retry-budget",
      async (page) => page.getByRole("heading", { name: "History" }).waitFor(),
    ],
    [
      "attention",
      "#/attention",
      async (page) =>
        page
          .getByRole("radio", { name: /Approve/ })
          .first()
          .waitFor(),
    ],
  ];
}
