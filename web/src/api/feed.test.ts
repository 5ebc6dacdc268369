import { expect, test } from "vitest";
import { Feed, type Link, type Look, type Socket, type World } from "./feed";
import type { Frame } from "./types";

/** A daemon that tells its frames from wherever a reader left off, and a browser to read them with. */
class Theatre implements World {
  sockets: (Socket & { path: string; isOpen: boolean })[] = [];
  timers: { ms: number; go: () => void }[] = [];
  look_ = { is: "gone" } as Look;
  heard: number[] = [];
  links: Link[] = [];
  greetings = 0;
  resets = 0;

  open(path: string): Socket {
    const socket = { path, isOpen: true, onmessage: null, onclose: null, close() {} };
    this.sockets.push(socket);
    return socket;
  }
  async look(): Promise<Look> {
    return this.look_;
  }
  now(): number {
    return 1_000;
  }
  after(ms: number, go: () => void): () => void {
    const timer = { ms, go };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  read(after?: string): Feed {
    const ears = {
      frame: (frame: Frame) => {
        this.heard.push(frame.position);
      },
      hello: () => {
        this.greetings += 1;
      },
      link: (link: Link) => {
        this.links.push(link);
      },
      reset: () => {
        this.resets += 1;
      },
    };
    return new Feed({ topics: ["runs"], ...(after === undefined ? {} : { after }) }, ears, this);
  }
  get socket() {
    return this.sockets.at(-1) as (typeof this.sockets)[number];
  }
  say(id: string | null, position: number | null) {
    const frame = position === null ? null : { type: "work_unit_update", position };
    this.socket.onmessage?.({ data: JSON.stringify({ id, frame }) });
  }
  async hangUp(code = 1006) {
    this.socket.onclose?.({ code });
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  }
  wake() {
    const timers = this.timers;
    this.timers = [];
    for (const timer of timers) timer.go();
  }
  asked(): (string | null)[] {
    return this.sockets.map((socket) => new URLSearchParams(socket.path.split("?")[1]).get("after"));
  }
}

test("a reader that comes back asks for what follows the last frame it had", async () => {
  const theatre = new Theatre();
  theatre.read();
  theatre.say("10", null);
  theatre.say("11", 11);
  theatre.say("12.1", 13);
  await theatre.hangUp();
  theatre.wake();
  theatre.say("12.1", null);
  theatre.say("13", 13);
  expect(theatre.asked()).toEqual([null, "12.1"]);
  expect(theatre.heard).toEqual([11, 13, 13]);
  expect(theatre.links.map((link) => link.state)).toEqual(["live", "reconnecting", "live"]);
});

test("a reader that heard nothing yet comes back to where it was greeted", async () => {
  const theatre = new Theatre();
  theatre.read();
  theatre.say("10", null);
  await theatre.hangUp();
  theatre.wake();
  expect(theatre.asked()).toEqual([null, "10"]);
});

test("a frame that comes twice is heard once", () => {
  const theatre = new Theatre();
  theatre.read("4");
  theatre.say("4", null);
  theatre.say("5", 5);
  theatre.say("5", 5);
  theatre.say("4.1", 5);
  theatre.say("6", 6);
  expect(theatre.heard).toEqual([5, 6]);
});

test("frames of content have no place and move none", async () => {
  const theatre = new Theatre();
  theatre.read("4");
  theatre.say("4", null);
  theatre.say(null, 4);
  theatre.say(null, 4);
  await theatre.hangUp();
  theatre.wake();
  expect(theatre.heard).toEqual([4, 4]);
  expect(theatre.asked()).toEqual(["4", "4"]);
});

test("while the daemon is away the pauses grow, and since when stays what it was", async () => {
  const theatre = new Theatre();
  theatre.read("4");
  theatre.say("4", null);
  const pauses: number[] = [];
  for (let tried = 0; tried < 7; tried += 1) {
    await theatre.hangUp();
    pauses.push(theatre.timers[0]?.ms ?? 0);
    theatre.wake();
  }
  expect(pauses).toEqual([200, 400, 800, 1600, 3000, 3000, 3000]);
  expect(theatre.links.filter((link) => link.state === "reconnecting" && link.since !== 1_000)).toEqual([]);
});

test("whoever was too slow, or whose daemon stops, is told why and goes on", async () => {
  const theatre = new Theatre();
  theatre.read("4");
  theatre.say("4", null);
  await theatre.hangUp(4408);
  theatre.wake();
  theatre.say("4", null);
  await theatre.hangUp(1001);
  const why = theatre.links.flatMap((link) => (link.state === "reconnecting" ? [link.why] : []));
  expect(why).toEqual(["slow", "stopping"]);
});

test("a session that ended is said, and looked for again at the same place", async () => {
  const theatre = new Theatre();
  theatre.read("4");
  theatre.say("4", null);
  await theatre.hangUp(4401);
  expect(theatre.links.at(-1)).toEqual({ state: "logged_out" });
  theatre.wake();
  // The upgrade is refused: the browser does not say why, the daemon does.
  theatre.look_ = { is: "logged_out" };
  await theatre.hangUp();
  expect(theatre.links.at(-1)).toEqual({ state: "logged_out" });
  theatre.wake();
  theatre.say("4", null);
  expect(theatre.asked()).toEqual(["4", "4", "4"]);
  expect(theatre.links.at(-1)).toEqual({ state: "live" });
});

test("a history that does not reach the reader's place is another one: everything is read anew", async () => {
  const theatre = new Theatre();
  theatre.read("40");
  theatre.look_ = { is: "there", position: 7 };
  await theatre.hangUp();
  expect(theatre.resets).toBe(1);
  theatre.wake();
  theatre.say("7", null);
  theatre.say("8", 8);
  expect(theatre.asked()).toEqual(["40", null]);
  expect(theatre.heard).toEqual([8]);
});

test("a feed that was closed hears nothing and never comes back", async () => {
  const theatre = new Theatre();
  const feed = theatre.read("4");
  theatre.say("4", null);
  feed.close();
  theatre.say("5", 5);
  await theatre.hangUp();
  expect([theatre.heard, theatre.timers]).toEqual([[], []]);
});

test("a reader in a hurry does not wait", async () => {
  const theatre = new Theatre();
  const feed = theatre.read("4");
  await theatre.hangUp();
  feed.hurry();
  expect(theatre.sockets.length).toBe(2);
  feed.hurry();
  expect(theatre.sockets.length).toBe(2);
});
