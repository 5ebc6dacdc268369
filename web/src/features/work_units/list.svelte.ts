// Work units: a snapshot of all, kept true by the feed.
import { client, part, type Refusal } from "../../api/client";
import type { NewWorkUnit, Page, WorkUnit } from "../../api/types";
import { soon } from "../../app/soon";
import { daemon } from "../daemon/daemon.svelte";
import { withUpdate } from "./update";

class WorkUnits {
  items = $state.raw<WorkUnit[]>([]);
  isLoaded = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  /** Counts what was heard of each, so that its history is read again. */
  heard = $state.raw(new Map<string, number>());
  #positions = new Map<string, number>();
  #refresh = soon(() => this.#read(), 1_000);

  start() {
    daemon.listen({
      frame: (frame) => {
        if (frame.type !== "work_unit_update") return;
        const before = this.#positions.get(frame.id) ?? -1;
        if (frame.position < before) return;
        this.#positions.set(frame.id, frame.position);
        this.items = withUpdate(this.items, frame);
        this.heard = new Map(this.heard).set(frame.id, frame.position);
        // What frames do not carry: the question, the project, when it came to be.
        this.#refresh();
      },
      again: () => this.#refresh(),
    });
  }

  async create(unit: NewWorkUnit): Promise<WorkUnit> {
    const created = await client.change<WorkUnit>("POST", "/api/work-units", unit);
    this.#refresh();
    return created;
  }

  async retry(chunk: string) {
    await client.change("POST", `/api/work-units/${part(chunk)}/retry`);
    this.#refresh();
  }

  async #read() {
    try {
      const items: WorkUnit[] = [];
      let cursor: string | null | undefined = "";
      while (cursor !== null && cursor !== undefined) {
        const query: string = cursor === "" ? "" : `&cursor=${part(cursor)}`;
        const page: Page<WorkUnit> = await client.get(`/api/work-units?limit=500${query}`);
        items.push(...page.items);
        cursor = page.next;
      }
      this.items = items;
      this.refusal = null;
      this.isLoaded = true;
    } catch (error) {
      this.refusal = error as Refusal;
    }
  }
}

export const workUnits = new WorkUnits();
