// What one task says, live: the transcript so far, then frames; whatever is missing between is read again.
import { client, part, type Refusal } from "../../api/client";
import { Feed } from "../../api/feed";
import type { Transcript } from "../../api/types";
import { browser } from "../../api/world";
import { soon } from "../../app/soon";
import { Assembly, type Block, entryOf } from "./transcript";

const PAGE = 1_000;

export class TaskOutput {
  blocks = $state.raw<readonly Block[]>([]);
  forgotten = $state(0);
  isLoaded = $state(false);
  isWhole = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  readonly task: string;
  readonly #assembly = new Assembly();
  readonly #feed: Feed | undefined;
  #isShowing = false;
  #isClosed = false;
  #catchUp = soon(() => this.#read(), 200);

  constructor(task: string, run: string, isLive: boolean) {
    this.task = task;
    if (isLive) this.#feed = this.#listen(run);
    else this.#catchUp();
  }

  close() {
    this.#isClosed = true;
    this.#feed?.close();
  }

  /** The task has ended: what it said last may not have come as frames. */
  finish() {
    if (!this.isWhole) this.#catchUp();
  }

  #listen(run: string): Feed {
    return new Feed(
      { topics: ["content"], run_id: run },
      {
        frame: (frame) => {
          if (frame.type !== "delta" && frame.type !== "tool_call" && frame.type !== "message_complete")
            return;
          if (frame.task_id !== this.task) return;
          const taken = this.#assembly.take(entryOf(frame));
          if (taken === "gap") this.#catchUp();
          if (taken === "taken") this.#show();
        },
        // Frames of content have no place in the history: what was said meanwhile is in the transcript.
        hello: () => this.#catchUp(),
        link: () => {},
        reset: () => {},
      },
      browser,
    );
  }

  async #read() {
    while (!this.#isClosed) {
      let page: Transcript;
      const after = this.#assembly.end;
      try {
        const query = `after=${after}&limit=${PAGE}`;
        page = await client.get<Transcript>(`/api/tasks/${part(this.task)}/transcript?${query}`);
        this.refusal = null;
      } catch (error) {
        this.refusal = error as Refusal;
        return;
      }
      this.#assembly.read(page);
      this.isWhole = page.is_whole;
      if (page.is_whole) this.#feed?.close();
      this.#show();
      // A part may be short because what it says is long: only one that adds nothing is the last.
      if (page.is_whole || page.next <= after) break;
    }
    this.isLoaded = true;
  }

  /** However much arrives, it is painted once a frame. */
  #show() {
    if (this.#isShowing) return;
    this.#isShowing = true;
    const paint = () => {
      this.#isShowing = false;
      this.blocks = [...this.#assembly.blocks];
      this.forgotten = this.#assembly.forgotten;
    };
    if (document.hidden) setTimeout(paint, 250);
    else requestAnimationFrame(paint);
  }
}
