// Asks the daemon. The only place that fetches; every text that comes in is made visible here.
import { parseVisibly } from "../ui/visible";
import type { Login } from "./types";

/** Why something was not done, in the daemon's words or for want of them. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly because: string | undefined;
  readonly hint: string | undefined;

  constructor(said: { status: number; code: string; detail: string; because?: string; hint?: string }) {
    super(said.detail);
    this.status = said.status;
    this.code = said.code;
    this.because = said.because;
    this.hint = said.hint;
  }

  /** Whether there was no answer at all. */
  get isLost(): boolean {
    return this.status === 0;
  }
}

const TOKEN_HEADER = "partita-page-token";
/** All tabs of this origin share it; other ports of the host, which get the cookie as well, do not see it. */
const TOKEN_KEY = "partita-page-token";
/** A change whose answer was lost is asked for again, under the same key. */
const TRIES = 3;
const PAUSE_MS = 500;

export class Client {
  /** Called when the daemon no longer knows this browser. */
  onLoggedOut: () => void = () => {};

  /** Exchanges a one-time code for a session. */
  async login(code: string): Promise<void> {
    const login = (await this.#ask("POST", "/api/login", { code })) as Login;
    localStorage.setItem(TOKEN_KEY, login.page_token);
  }

  /** Whether there is a session. */
  async resume(): Promise<boolean> {
    if (token() === null) return false;
    try {
      await this.#ask("GET", "/api/status");
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) return false;
      throw error;
    }
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#answered(() => this.#ask("GET", path))) as T;
  }

  /** Changes something. Done once, however often it has to be sent. */
  async change<T = void>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
    const key = crypto.randomUUID();
    const send = async () => {
      for (let tried = 1; ; tried += 1) {
        try {
          return await this.#ask(method, path, body, key);
        } catch (error) {
          if (!(error instanceof Refusal && error.isLost) || tried === TRIES) throw error;
          await new Promise((done) => setTimeout(done, PAUSE_MS));
        }
      }
    };
    return (await this.#answered(async () => {
      const sent = token();
      try {
        return await send();
      } catch (error) {
        // Another tab logged in meanwhile, and its token is the one that holds.
        if (!isTokenRefused(error) || token() === sent) throw error;
        return await send();
      }
    })) as T;
  }

  async #answered(ask: () => Promise<unknown>): Promise<unknown> {
    try {
      return await ask();
    } catch (error) {
      if (isTokenRefused(error) || (error instanceof Refusal && error.status === 401)) this.onLoggedOut();
      throw error;
    }
  }

  async #ask(method: string, path: string, body?: unknown, key?: string): Promise<unknown> {
    const headers = new Headers({ accept: "application/json" });
    if (body !== undefined) headers.set("content-type", "application/json");
    if (key !== undefined) headers.set("idempotency-key", key);
    const own = token();
    if (method !== "GET" && own !== null) headers.set(TOKEN_HEADER, own);
    let status: number;
    let text: string;
    try {
      const response = await fetch(path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
      });
      status = response.status;
      text = await response.text();
      if (response.ok) return text === "" ? undefined : parseVisibly(text);
    } catch (error) {
      if (error instanceof SyntaxError) throw unreadable(path);
      throw new Refusal({
        status: 0,
        code: "unreachable",
        detail: "the daemon does not answer",
        hint: "`partita start` starts it; this page goes on by itself",
      });
    }
    throw refusal(status, text);
  }
}

function token(): string | null {
  return localStorage.getItem(TOKEN_KEY);
}

function isTokenRefused(error: unknown): boolean {
  return error instanceof Refusal && error.code === "page_token_missing";
}

function refusal(status: number, text: string): Refusal {
  try {
    const problem = parseVisibly(text) as { code: string; detail: string; because?: string; hint?: string };
    if (typeof problem.code === "string" && typeof problem.detail === "string") {
      return new Refusal({ ...problem, status });
    }
  } catch {
    // Not the daemon's words: said below.
  }
  return new Refusal({
    status,
    code: "no_problem_document",
    detail: `the daemon answered with status ${status}`,
  });
}

function unreadable(path: string): Refusal {
  return new Refusal({
    status: 502,
    code: "unreadable",
    detail: `the answer to ${path} cannot be read`,
    hint: "reload the page: the daemon may be of another version by now",
  });
}

export const client = new Client();

/** A part of a path. */
export function part(text: string): string {
  return encodeURIComponent(text);
}
