// What the feed needs of a browser.
import { client, Refusal } from "./client";
import type { Look, Socket, World } from "./feed";
import type { Status } from "./types";

export const browser: World = {
  open(path: string): Socket {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    return new WebSocket(`${scheme}//${location.host}${path}`) as unknown as Socket;
  },
  async look(): Promise<Look> {
    try {
      const status = await client.get<Status>("/api/status");
      return { is: "there", position: status.position };
    } catch (error) {
      const isKnown = error instanceof Refusal && error.status === 401;
      return isKnown ? { is: "logged_out" } : { is: "gone" };
    }
  },
  now: () => Date.now(),
  after(ms: number, go: () => void): () => void {
    const timer = setTimeout(go, ms);
    return () => clearTimeout(timer);
  },
};
