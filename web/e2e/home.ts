// A user of one's own: folders, a clean environment, and a daemon that is gone when the test is.
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { vi } from "vitest";

/** How long anything may take before it counts as stuck. */
export const PATIENCE_MS = 60_000;

const run = promisify(execFile);
const PROGRAM = resolve(
  process.env.PARTITA_BINARY ?? join(import.meta.dirname, "../../target/debug/partita"),
);

export class Home {
  readonly root: string;
  #script: string | undefined;

  constructor() {
    if (!existsSync(PROGRAM)) {
      throw new Error(
        `there is no program at ${PROGRAM}: build it (cargo build -p cli) or say where it is in PARTITA_BINARY`,
      );
    }
    this.root = mkdtempSync(join(tmpdir(), "partita-web-"));
    for (const folder of ["user", "project", "run"]) mkdirSync(this.path(folder), { mode: 0o700 });
  }

  path(below: string): string {
    return join(this.root, below);
  }

  /** What the scripted agent does, in the runs that begin from now on. Said before the daemon starts. */
  script(toml: string) {
    this.#script = this.path("script.toml");
    writeFileSync(this.#script, toml);
  }

  /** From here on the agent plays its own script again, once the daemon has started anew. */
  forgetScript() {
    this.#script = undefined;
  }

  /** Runs a command of ours to its end; gives what it printed. */
  async partita(...args: string[]): Promise<string> {
    const env: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      HOME: this.path("user"),
      XDG_RUNTIME_DIR: this.path("run"),
      LANG: "C.UTF-8",
      ...(this.#script === undefined ? {} : { PARTITA_REHEARSAL: this.#script }),
    };
    const options = { cwd: this.path("project"), env, maxBuffer: 64 * 1024 * 1024 };
    const { stdout } = await run(PROGRAM, args, options).catch((error: Error & { stdout?: string }) => {
      throw new Error(`${error.message}\n${error.stdout ?? ""}`);
    });
    return stdout;
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.partita(...args, "--json")) as T;
  }

  /** A repository with one commit in the project's folder. */
  makeRepository(files: Record<string, string> = { "README.md": "# A project\n" }) {
    const folder = this.path("project");
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    const env = { ...process.env, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" };
    const who = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"];
    for (const args of [
      ["init", "--quiet"],
      ["add", "--all"],
      ["commit", "--quiet", "--message", "Begin"],
    ]) {
      execFileSync("git", [...who, ...args], { cwd: folder, env });
    }
  }

  writeFlow(name: string, toml: string) {
    mkdirSync(this.path("project/.partita/flows"), { recursive: true });
    writeFileSync(this.path(`project/.partita/flows/${name}.toml`), toml);
  }

  /** Starts a run without waiting for it; gives its name. */
  async start(flow: string, question: string): Promise<string> {
    const args = ["run", flow, "--focus", question, "--agent", "rehearsal", "--detach"];
    return (await this.json<{ slug: string }>(...args)).slug;
  }

  /** An address that logs in, once. */
  async login(): Promise<string> {
    return (await this.json<{ url: string }>("ui")).url;
  }

  /** What `kill -9` does, and waiting until it is done. */
  async kill(): Promise<void> {
    const file = this.path("user/.local/state/partita/orchestrator.pid");
    const pid = Number(readFileSync(file, "utf8").trim());
    process.kill(pid, "SIGKILL");
    await until("the killed daemon is gone", () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
  }

  async close(): Promise<void> {
    await this.partita("stop").catch(() => {});
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Waits until something holds, for as long as patience lasts. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const look = async () => {
    if (!(await holds())) throw new Error(`it never came to be that ${what}`);
  };
  await vi.waitFor(look, { timeout: PATIENCE_MS, interval: 50 });
}
