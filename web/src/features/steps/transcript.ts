// Puts together what a task's agent says, from the transcript and from frames, in order, each piece once.
import type { Frame, Transcript, TranscriptEntry } from "../../api/types";

export type Words = "text" | "thought" | "notice" | "raw" | "prompt";

export type Block =
  | {
      id: number;
      kind: Words;
      text: string /** Goes on where the block before ended. */;
      isContinued: boolean;
    }
  | { id: number; kind: "tool"; call: string; title: string; status: string; detail: string }
  | { id: number; kind: "permission"; title: string; allowed: boolean; rule: string };

export type Content = Extract<Frame, { type: "delta" | "tool_call" | "message_complete" }>;

/** A block longer than this goes on in another, so that a change repaints little. */
const BLOCK_CHARS = 8_000;
/** What lies further back is forgotten here; the daemon keeps it. */
export const KEPT_CHARS = 2_000_000;

/** What became of a piece: it fitted, was there already, or something before it is missing. */
export type Taken = "taken" | "seen" | "gap";

export class Assembly {
  /** Where what follows begins. */
  end = 0;
  blocks: Block[] = [];
  /** How many characters were forgotten at the beginning. */
  forgotten = 0;
  #chars = 0;
  #ids = 0;
  #isOpen = false;

  take(entry: TranscriptEntry): Taken {
    if (entry.offset > this.end) return "gap";
    if (entry.offset < this.end) return "seen";
    this.end = entry.next;
    this.#append(entry);
    this.#forget();
    return "taken";
  }

  /** Takes a part of the transcript: where the daemon passed over something unreadable, so do we. */
  read(page: Transcript) {
    for (const entry of page.entries) {
      this.end = Math.max(this.end, entry.offset);
      this.take(entry);
    }
    this.end = Math.max(this.end, page.next);
  }

  #append(entry: TranscriptEntry) {
    switch (entry.kind) {
      case "message_end":
        this.#isOpen = false;
        return;
      case "tool":
        this.#tool(entry);
        return;
      case "permission":
        this.#push({
          id: this.#id(),
          kind: "permission",
          title: entry.title,
          allowed: entry.allowed,
          rule: entry.rule,
        });
        this.#isOpen = false;
        return;
      case "text":
      case "thought":
      case "notice":
      case "raw":
      case "prompt":
        this.#words(entry.kind, entry.text);
    }
  }

  #words(kind: Words, text: string) {
    this.#chars += text.length;
    const last = this.blocks.at(-1);
    // Pieces of one message belong together; a notice or a prompt is a whole of its own.
    const isSame = this.#isOpen && last?.kind === kind && kind !== "notice" && kind !== "prompt";
    this.#isOpen = true;
    if (isSame && "text" in last && last.text.length + text.length <= BLOCK_CHARS) {
      this.blocks[this.blocks.length - 1] = { ...last, text: last.text + text };
    } else {
      this.blocks.push({ id: this.#id(), kind, text, isContinued: isSame });
    }
  }

  #tool(entry: Extract<TranscriptEntry, { kind: "tool" }>) {
    const block = {
      kind: "tool",
      call: entry.id,
      title: entry.title,
      status: entry.status,
      detail: entry.detail,
    } as const;
    const at = this.blocks.findLastIndex((known) => known.kind === "tool" && known.call === entry.id);
    const known = this.blocks[at];
    this.#isOpen = false;
    if (known?.kind !== "tool") {
      this.#push({ id: this.#id(), ...block });
      return;
    }
    const detail = entry.detail || known.detail;
    this.blocks[at] = { id: known.id, ...block, title: entry.title || known.title, detail };
    this.#chars += detail.length - known.detail.length;
  }

  #push(block: Block) {
    this.#chars += size(block);
    this.blocks.push(block);
  }

  #forget() {
    if (this.#chars <= KEPT_CHARS) return;
    let index = 0;
    while (this.#chars > KEPT_CHARS && index < this.blocks.length - 1) {
      const chars = size(this.blocks[index] as Block);
      this.#chars -= chars;
      this.forgotten += chars;
      index += 1;
    }
    this.blocks.splice(0, index);
  }

  #id(): number {
    this.#ids += 1;
    return this.#ids;
  }
}

export function size(block: Block): number {
  return "text" in block
    ? block.text.length
    : block.title.length + (block.kind === "tool" ? block.detail.length : 0);
}

/** A frame as the entry that the transcript has for it. */
export function entryOf(frame: Content): TranscriptEntry {
  const { offset, next } = frame;
  switch (frame.type) {
    case "delta":
      return { kind: frame.channel, text: frame.text, offset, next };
    case "tool_call":
      return {
        kind: "tool",
        id: frame.id,
        title: frame.title,
        status: frame.status,
        detail: frame.detail,
        offset,
        next,
      };
    case "message_complete":
      return { kind: "message_end", offset, next };
  }
}

/** The last blocks that have so many characters together, and at least one. */
export function tail(blocks: readonly Block[], chars: number): readonly Block[] {
  let room = chars;
  let from = blocks.length;
  while (from > 0) {
    room -= size(blocks[from - 1] as Block) + 40;
    if (room < 0 && from < blocks.length) break;
    from -= 1;
  }
  return blocks.slice(from);
}
