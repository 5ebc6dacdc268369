// What waits for a person. An item is open once; what was closed stays closed, whichever comes first.
import { client, part, type Refusal } from "../../api/client";
import type { Answer, Attention, Page } from "../../api/types";
import { soon } from "../../app/soon";
import { daemon } from "../daemon/daemon.svelte";

class Inbox {
  items = $state.raw<Attention[]>([]);
  isLoaded = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  #closed = new Set<string>();
  #refresh = soon(() => this.#read(), 500);

  start() {
    daemon.listen({
      frame: (frame) => {
        if (frame.type === "attention_update") this.#take(frame.item);
      },
      again: () => this.#refresh(),
    });
  }

  async answer(item: Attention, answer: Answer) {
    await client.change("POST", `/api/attention/${part(item.id)}/answer`, answer);
    this.#take({ ...item, state: "answered" });
  }

  #take(item: Attention) {
    const others = this.items.filter((known) => known.id !== item.id);
    if (item.state !== "open") this.#closed.add(item.id);
    this.items = this.#closed.has(item.id) ? others : sorted([...others, item]);
  }

  async #read() {
    try {
      const items: Attention[] = [];
      let cursor: string | null | undefined = "";
      while (cursor !== null && cursor !== undefined) {
        const query: string = cursor === "" ? "" : `&cursor=${part(cursor)}`;
        const page: Page<Attention> = await client.get(`/api/attention?limit=500${query}`);
        items.push(...page.items);
        cursor = page.next;
      }
      this.items = sorted(items.filter((item) => !this.#closed.has(item.id)));
      this.refusal = null;
      this.isLoaded = true;
    } catch (error) {
      this.refusal = error as Refusal;
    }
  }
}

/** The oldest first. */
function sorted(items: Attention[]): Attention[] {
  return items.sort((one, other) =>
    one.raised_at < other.raised_at ? -1 : one.raised_at > other.raised_at ? 1 : 0,
  );
}

export const inbox = new Inbox();
