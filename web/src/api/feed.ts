// The feed as one endless reading: connects, and comes back by itself to where it was, without gap or double.
//
// A WebSocket, because a browser opens only six other connections to one daemon, and every tab would hold one.
import { parseVisibly } from "../ui/visible";
import { isAfter, parseCursor } from "./cursor";
import type { Frame } from "./types";

export type Link =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "reconnecting"; since: number; why: "gone" | "stopping" | "slow" }
  | { state: "logged_out" };

/** What a look at the daemon says after a connection could not be made. */
export type Look = { is: "gone" } | { is: "logged_out" } | { is: "there"; position: number };

export interface FeedAsk {
  topics: readonly string[];
  run_id?: string;
  /** Where to begin; now, unless said. */
  after?: string;
}

export interface FeedEars {
  frame(frame: Frame): void;
  /** The connection stands. */
  hello(): void;
  link(link: Link): void;
  /** The history is another one: what was shown does not count any more. */
  reset(): void;
}

/** What this needs of a WebSocket. */
export interface Socket {
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  close(): void;
}

export interface World {
  open(path: string): Socket;
  look(): Promise<Look>;
  now(): number;
  after(ms: number, go: () => void): () => void;
}

const PAUSE_MS = 200;
const PAUSE_MS_MAX = 3_000;
/** Whoever has no session looks this often whether there is one again. */
const LOGGED_OUT_PAUSE_MS = 5_000;
const LOGGED_OUT = 4401;
const SLOW = 4408;
const STOPPING = 1001;

export class Feed {
  readonly #ask: FeedAsk;
  readonly #ears: FeedEars;
  readonly #world: World;
  #cursor: string | undefined;
  #socket: Socket | undefined;
  #link: Link = { state: "connecting" };
  #pause_ms = PAUSE_MS;
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(ask: FeedAsk, ears: FeedEars, world: World) {
    this.#ask = ask;
    this.#ears = ears;
    this.#world = world;
    this.#cursor = ask.after;
    this.#open();
  }

  /** Where a reader that has everything so far goes on. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Tries now, where it would wait. */
  hurry() {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#open();
  }

  close() {
    this.#isClosed = true;
    this.#cancel?.();
    this.#socket?.close();
  }

  #path(): string {
    const query = new URLSearchParams({ topics: this.#ask.topics.join(",") });
    if (this.#ask.run_id !== undefined) query.set("run_id", this.#ask.run_id);
    if (this.#cursor !== undefined) query.set("after", this.#cursor);
    return `/api/feed?${query}`;
  }

  #open() {
    const socket = this.#world.open(this.#path());
    this.#socket = socket;
    let isGreeted = false;
    socket.onmessage = ({ data }) => {
      if (this.#isClosed || socket !== this.#socket || typeof data !== "string") return;
      const message = parseVisibly(data) as { id: string | null; frame: Frame | null };
      if (message.frame === null) {
        isGreeted = true;
        this.#cursor ??= message.id ?? undefined;
        this.#pause_ms = PAUSE_MS;
        this.#say({ state: "live" });
        this.#ears.hello();
      } else {
        this.#take(message.id, message.frame);
      }
    };
    socket.onclose = ({ code }) => {
      if (this.#isClosed || socket !== this.#socket) return;
      this.#socket = undefined;
      void this.#lost(code, isGreeted);
    };
  }

  #take(id: string | null, frame: Frame) {
    if (id !== null) {
      // The daemon does not repeat itself; were it to, nobody would hear it.
      if (this.#cursor !== undefined && !isAfter(id, this.#cursor)) return;
      this.#cursor = id;
    }
    this.#ears.frame(frame);
  }

  async #lost(code: number, wasGreeted: boolean) {
    if (code === LOGGED_OUT) return this.#logOut();
    const why = code === SLOW ? "slow" : code === STOPPING ? "stopping" : "gone";
    this.#away(why);
    if (!wasGreeted) {
      const look = await this.#world.look();
      if (this.#isClosed) return;
      if (look.is === "logged_out") return this.#logOut();
      const seen = this.#cursor === undefined ? null : parseCursor(this.#cursor);
      if (look.is === "there" && seen !== null && look.position < seen.position) {
        this.#cursor = undefined;
        this.#ears.reset();
      }
    }
    this.#wait(this.#pause_ms);
    this.#pause_ms = Math.min(this.#pause_ms * 2, PAUSE_MS_MAX);
  }

  #away(why: "gone" | "stopping" | "slow") {
    const since = this.#link.state === "reconnecting" ? this.#link.since : this.#world.now();
    this.#say({ state: "reconnecting", since, why });
  }

  #logOut() {
    this.#say({ state: "logged_out" });
    this.#wait(LOGGED_OUT_PAUSE_MS);
  }

  #wait(ms: number) {
    this.#cancel = this.#world.after(ms, () => {
      this.#cancel = undefined;
      this.#open();
    });
  }

  #say(link: Link) {
    this.#link = link;
    this.#ears.link(link);
  }
}
