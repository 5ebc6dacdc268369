// One run: a snapshot, the frames since, and the content of what is open.
import { client, part, type Refusal } from "../../api/client";
import type { Frame, FrameOf, RunDetail } from "../../api/types";
import { soon } from "../../app/soon";
import { daemon } from "../daemon/daemon.svelte";
import { updated } from "./update";

export class RunView {
  run = $state.raw<RunDetail | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  readonly name: string;
  /** Frames that came while a snapshot was under way. */
  #recent: FrameOf<"flow_run_step_updated">[] = [];
  #isClosed = false;
  #refresh = soon(() => this.#read(), 700);
  readonly #deaf: () => void;

  constructor(name: string) {
    this.name = name;
    this.#deaf = daemon.listen({ frame: (frame) => this.#hear(frame), again: () => this.#refresh() });
    this.#refresh();
  }

  close() {
    this.#isClosed = true;
    this.#deaf();
  }

  /** Asks for something to be done about the run; `what` as in the address of the request. */
  async tell(what: string) {
    await client.change("POST", `/api/runs/${part(this.name)}/${what}`);
    this.#refresh();
  }

  async #read() {
    if (this.#isClosed) return;
    try {
      const run = await client.get<RunDetail>(`/api/runs/${part(this.name)}`);
      this.#recent = this.#recent.filter((frame) => frame.position > run.position);
      this.run = this.#recent.reduce(updated, run);
      this.refusal = null;
    } catch (error) {
      this.refusal = error as Refusal;
    }
  }

  #hear(frame: Frame) {
    if (frame.type === "attention_update" && frame.item.run_id === this.run?.id) this.#refresh();
    if (frame.type !== "flow_run_step_updated") return;
    if (this.run && frame.run_id !== this.run.id) return;
    this.#recent.push(frame);
    if (!this.run) return;
    this.run = updated(this.run, frame);
    // What frames do not carry: tasks, usage, outputs.
    this.#refresh();
  }
}
