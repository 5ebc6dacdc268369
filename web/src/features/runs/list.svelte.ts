// The list of runs: pages of a snapshot, kept true by the feed.
import { client, type Refusal } from "../../api/client";
import type { Frame, Page, Run, RunStatus } from "../../api/types";
import { soon } from "../../app/soon";
import { daemon } from "../daemon/daemon.svelte";

const PAGE = 50;
const PAGE_MAX = 500;
/** A search reads on through older runs up to here. */
const SEARCHED_MAX = 5_000;

export class RunList {
  items = $state.raw<Run[]>([]);
  next = $state.raw<string | null>(null);
  isLoaded = $state(false);
  isBusy = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  #status = "";
  #turn = 0;
  #refresh = soon(() => this.#read(), 1_000);
  readonly #deaf: () => void;

  constructor() {
    this.#deaf = daemon.listen({ frame: (frame) => this.#hear(frame), again: () => this.#refresh() });
  }

  close() {
    this.#turn += 1;
    this.#deaf();
  }

  /** Shows only runs in this status; all for none. */
  async choose(status: string) {
    this.#status = status;
    this.items = [];
    this.next = null;
    this.isLoaded = false;
    await this.#read();
  }

  /** Reads another page. */
  async more(limit = PAGE) {
    if (this.next === null || this.isBusy) return;
    const turn = this.#turn;
    this.isBusy = true;
    try {
      const page = await this.#page(limit, this.next);
      if (turn !== this.#turn) return;
      const known = new Set(this.items.map((run) => run.id));
      this.items = [...this.items, ...page.items.filter((run) => !known.has(run.id))];
      this.next = page.next ?? null;
    } catch (error) {
      this.refusal = error as Refusal;
    } finally {
      this.isBusy = false;
    }
  }

  /** Reads on while a search has found too little. */
  async deepen(hasEnough: () => boolean) {
    while (this.next !== null && !hasEnough() && this.items.length < SEARCHED_MAX && !this.isBusy) {
      await this.more(PAGE_MAX);
      if (this.refusal) return;
    }
  }

  /** Reads again what is shown, the newest first. What lies further back than one page can hold stays as it was. */
  async #read() {
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const page = await this.#page(Math.min(Math.max(PAGE, this.items.length), PAGE_MAX));
      if (turn !== this.#turn) return;
      const fresh = new Set(page.items.map((run) => run.id));
      const isWhole = this.items.length <= page.items.length || !page.next;
      const older = isWhole
        ? []
        : this.items.filter((run) => !fresh.has(run.id)).slice(-(this.items.length - page.items.length));
      this.items = [...page.items, ...older];
      if (isWhole) this.next = page.next ?? null;
      this.refusal = null;
      this.isLoaded = true;
    } catch (error) {
      if (turn === this.#turn) this.refusal = error as Refusal;
    }
  }

  #page(limit: number, cursor?: string): Promise<Page<Run>> {
    const query = new URLSearchParams({ limit: String(limit) });
    if (this.#status) query.set("status", this.#status);
    if (cursor !== undefined) query.set("cursor", cursor);
    return client.get<Page<Run>>(`/api/runs?${query}`);
  }

  #hear(frame: Frame) {
    if (frame.type === "flow_run_started") this.#refresh();
    if (frame.type !== "flow_run_step_updated") return;
    const { run_id, run_status, is_paused } = frame;
    const known = this.items.find((run) => run.id === run_id);
    if (known && (known.status !== run_status || known.is_paused !== is_paused)) {
      const changed = { status: run_status as RunStatus, is_paused };
      this.items = this.items.map((run) => (run.id === run_id ? { ...run, ...changed } : run));
    }
    // What frames do not carry: cost, branch, when it ended.
    this.#refresh();
  }
}

/** Whether a run has all the words somewhere that a person would look for it. */
export function fits(run: Run, search: string, project: string): boolean {
  const text = [
    run.slug,
    run.flow,
    run.input.question,
    project,
    run.input.agent,
    run.status,
    run.reason ?? "",
    run.id,
  ]
    .join("\n")
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
