// The daemon as the page knows it: its state, and the one feed that every screen lives by.
import { client } from "../../api/client";
import { Feed, type Link } from "../../api/feed";
import type { Frame, Status } from "../../api/types";
import { browser } from "../../api/world";
import { soon } from "../../app/soon";

type Ear = {
  frame?: (frame: Frame) => void;
  /** Something may have been missed that frames do not tell: read the state anew. */
  again?: () => void;
};

const STATUS_MS = 15_000;

class Daemon {
  link = $state.raw<Link>({ state: "connecting" });
  status = $state.raw<Status | null>(null);
  #ears = new Set<Ear>();
  #feed: Feed | undefined;
  #refresh = soon(async () => {
    const before = this.status?.health.state;
    this.status = await client.get<Status>("/api/status");
    // What waits because of it is no run's: no frame tells of it.
    if (before !== undefined && before !== this.status.health.state) this.#tell();
  }, 1_000);

  /** Begins to listen. */
  start() {
    client.onLoggedOut = () => {
      this.link = { state: "logged_out" };
    };
    this.#feed = new Feed(
      { topics: ["work_units", "attention", "runs"] },
      {
        frame: (frame) => {
          this.#refresh();
          for (const ear of this.#ears) ear.frame?.(frame);
        },
        hello: () => this.#again(),
        link: (link) => {
          this.link = link;
        },
        reset: () => this.#again(),
      },
      browser,
    );
    setInterval(() => {
      if (this.link.state === "live" && !document.hidden) this.#refresh();
    }, STATUS_MS);
    for (const name of ["focus", "online"]) addEventListener(name, () => this.#feed?.hurry());
  }

  /** Hears what happens from now on; gives the way to stop it. */
  listen(ear: Ear): () => void {
    this.#ears.add(ear);
    return () => this.#ears.delete(ear);
  }

  #again() {
    this.#refresh();
    this.#tell();
  }

  #tell() {
    for (const ear of this.#ears) ear.again?.();
  }
}

export const daemon = new Daemon();
