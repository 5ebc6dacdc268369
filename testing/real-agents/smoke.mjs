// Starts each agent against a scripted model and looks at what came of it. Run by `smoke`, in a loopback-only network.
//
// Owns: how each agent is pointed at a local server (the table below), and the three protocols in their least form.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

const [agentsDir, serverPath, workDir, ...words] = process.argv.slice(2);
const keep = words.includes("--keep");
const wanted = (table, usual) => {
  const named = Object.keys(table).filter((name) => words.includes(name));
  return named.length ? named : usual;
};
const PATIENCE_MS = 120_000;

// The tool that the `report` scenario calls: an MCP server over stdio.
const here = dirname(new URL(import.meta.url).pathname);
const reportTool = (place) => ({
  command: join(agentsDir, "bin/node"),
  args: [join(here, "report-tool.mjs"), join(place, "report.json")],
});

const openCodeConfig = (port) =>
  JSON.stringify({
    model: "scripted/scripted-1",
    small_model: "scripted/scripted-1",
    share: "disabled",
    autoupdate: false,
    permission: { edit: "ask", bash: "ask" },
    provider: {
      scripted: {
        npm: "@ai-sdk/openai-compatible",
        options: { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "sk-scripted" },
        models: { "scripted-1": { name: "scripted-1", tool_call: true, limit: { context: 200000, output: 8192 } } },
      },
    },
  });

// How each agent is started; `files` lie in its home.
const AGENTS = {
  claude: {
    protocol: claudeTwoWay,
    argv: "claude -p --input-format stream-json --output-format stream-json --verbose --permission-prompt-tool stdio --mcp-config .mcp.json --strict-mcp-config".split(" "),
    env: (port) => ({
      ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`,
      ANTHROPIC_API_KEY: "sk-scripted",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      // Otherwise tools of a server are hidden behind a search tool.
      ENABLE_TOOL_SEARCH: "false",
    }),
    files: (_port, place) => ({
      "../folder/.mcp.json": JSON.stringify({ mcpServers: { partita: reportTool(place) } }),
    }),
  },
  codex: {
    protocol: codexExec,
    argv: "codex exec --json --sandbox workspace-write --skip-git-repo-check -c analytics.enabled=false --disable plugins --disable apps -".split(" "),
    env: (_port, home) => ({ CODEX_HOME: join(home, ".codex"), SCRIPTED_KEY: "sk-scripted" }),
    files: (port, place) => ({
      ".codex/config.toml": [
        'model = "scripted-1"',
        'model_provider = "scripted"',
        "[model_providers.scripted]",
        'name = "scripted"',
        `base_url = "http://127.0.0.1:${port}/v1"`,
        'env_key = "SCRIPTED_KEY"',
        'wire_api = "responses"',
        "[mcp_servers.partita]",
        `command = ${JSON.stringify(reportTool(place).command)}`,
        `args = ${JSON.stringify(reportTool(place).args)}`,
        // Nobody is asked under `exec`, where every call of a server's tool would be refused.
        'default_tools_approval_mode = "approve"',
        "",
      ].join("\n"),
    }),
  },
  qwen: {
    protocol: acp,
    argv: "qwen --acp --auth-type openai".split(" "),
    mode: "default",
    env: (port) => ({
      OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`,
      OPENAI_API_KEY: "sk-scripted",
      OPENAI_MODEL: "scripted-1",
      // Otherwise servers are looked for in the background and a prompt sent at once does not see their tools.
      QWEN_CODE_LEGACY_MCP_BLOCKING: "1",
    }),
    files: () => ({
      ".qwen/settings.json": JSON.stringify({
        privacy: { usageStatisticsEnabled: false },
        memory: { enableManagedAutoMemory: false },
        general: { enableAutoUpdate: false },
        ui: { enableFollowupSuggestions: false },
        // As with claude: on, our tools are hidden behind a search tool.
        tools: { toolSearch: { enabled: false } },
      }),
    }),
  },
  gemini: {
    protocol: acp,
    argv: "gemini --acp -m gemini-2.5-pro".split(" "),
    mode: "default",
    env: (port) => ({
      GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${port}`,
      GEMINI_API_KEY: "k-scripted",
      GEMINI_CLI_TRUST_WORKSPACE: "true",
      GEMINI_CLI_NO_RELAUNCH: "true",
    }),
    files: () => ({
      ".gemini/settings.json": JSON.stringify({
        security: { auth: { selectedType: "gemini-api-key" } },
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false },
      }),
    }),
  },
  opencode: {
    protocol: acp,
    argv: ["opencode", "acp"],
    mode: "build",
    env: (port) => ({
      OPENCODE_CONFIG_CONTENT: openCodeConfig(port),
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_AUTOUPDATE: "1",
    }),
    files: () => ({}),
  },
};

// Played by everyone unless named: what must work. `limit` only shows what each agent makes of it.
const USUAL = ["text", "write", "report"];
const SCENARIOS = {
  text: {
    script: { turns: [{ text: "The answer is forty-two." }] },
    check: ({ said }) => said.includes("The answer is forty-two.") || `it said ${JSON.stringify(said)}`,
  },
  write: {
    // No workspace: the server takes the folder that the agent names.
    script: { turns: [{ write: { path: "hello.txt", content: "hello from the script\n" } }, { text: "Wrote it." }] },
    check: ({ said, folder }) => {
      const file = join(folder, "hello.txt");
      if (!existsSync(file)) return "hello.txt is not there";
      if (readFileSync(file, "utf8") !== "hello from the script\n") return "hello.txt has other contents";
      return said.includes("Wrote it.") || `it said ${JSON.stringify(said)}`;
    },
  },
  report: {
    script: { turns: [{ call: { name: "report_result", input: { findings: ["one"] } } }, { text: "Reported." }] },
    check: ({ said, place }) => {
      const file = join(place, "report.json");
      if (!existsSync(file)) return "the tool was not called";
      if (readFileSync(file, "utf8") !== '{"findings":["one"]}') return "the tool got something else";
      return said.includes("Reported.") || `it said ${JSON.stringify(said)}`;
    },
  },
  limit: {
    script: { turns: [{ limit: { resets_in: 3600 }, times: 1000 }] },
    patience_ms: 30_000,
    check: ({ said }) => `it said ${JSON.stringify(said)}`,
  },
};

let failed = 0;
for (const name of wanted(AGENTS, Object.keys(AGENTS))) {
  for (const scenario of wanted(SCENARIOS, USUAL)) {
    const { verdict, ...times } = await play(name, scenario);
    if (verdict !== true) failed += 1;
    console.log([verdict === true ? "ok  " : "FAIL", name, scenario, JSON.stringify(times), verdict === true ? "" : verdict].join(" "));
  }
}
if (keep) console.log(`kept: ${workDir}`);
else rmSync(workDir, { recursive: true, force: true });
process.exit(failed ? 1 : 0);

async function play(name, scenario) {
  const agent = AGENTS[name];
  const { script, check, patience_ms = PATIENCE_MS } = SCENARIOS[scenario];
  const place = join(workDir, name, scenario);
  const [home, folder, bodies] = ["home", "folder", "bodies"].map((part) => join(place, part));
  for (const path of [home, folder, bodies, join(place, "tmp")]) mkdirSync(path, { recursive: true });
  const scriptPath = join(place, "script.json");
  writeFileSync(scriptPath, JSON.stringify(script));

  const server = spawn(serverPath, ["--exit-with-stdin", "--script", scriptPath, "--bodies", bodies], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const port = (await next(createInterface(server.stdout))).replace("PORT ", "");
  for (const [path, text] of Object.entries(agent.files(port, place))) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text);
  }

  const [command, ...argv] = agent.argv;
  const started = Date.now();
  const child = spawn(join(agentsDir, "bin", command), argv, {
    cwd: folder,
    detached: true,
    env: {
      PATH: `${join(agentsDir, "bin")}:/usr/bin:/bin`,
      HOME: home,
      TERM: "dumb",
      LANG: "C.UTF-8",
      TMPDIR: join(place, "tmp"),
      ...agent.env(port, home),
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const seen = [];
  child.stderr.on("data", (text) => seen.push(`stderr ${text}`));
  child.stdin.on("error", () => {});
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => seen.push(line));
  const ended = new Promise((done) => child.on("exit", (code, signal) => done(code ?? signal)));

  let verdict, said, answered_s;
  try {
    said = await within(patience_ms, agent.protocol(agent, child, lines, folder, place));
    answered_s = seconds(started);
    verdict = check({ said, folder, place });
  } catch (error) {
    verdict = String(error.message ?? error);
  }
  child.stdin.end();
  const exit = await within(15_000, ended).catch(() => "killed after 15 s");
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nothing of its group is left.
  }
  const { requests } = await (await fetch(`http://127.0.0.1:${port}/__state`)).json();
  const first = requests.find((request) => request.aux === false);
  server.stdin.end();
  writeFileSync(join(place, "seen.txt"), seen.join("\n"));
  writeFileSync(join(place, "requests.json"), JSON.stringify(requests, null, 1));
  return {
    verdict,
    first_request_s: first && (first.t_ms - started) / 1000,
    answered_s,
    ended_s: seconds(started),
    exit,
    main: requests.filter((request) => !request.aux).length,
    side: requests.filter((request) => request.aux).length,
  };
}

// The Agent Client Protocol: JSON-RPC, one object a line.
async function acp(agent, child, lines, folder, place) {
  const waiting = new Map();
  let said = "";
  let count = 0;
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const ask = (method, params) =>
    new Promise((resolve, reject) => {
      count += 1;
      waiting.set(count, { resolve, reject, method });
      send({ id: count, method, params });
    });
  lines.on("line", (line) => {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      return;
    }
    if (message.method === "session/update") {
      const { update } = message.params;
      if (update.sessionUpdate === "agent_message_chunk") said += update.content.text ?? "";
    } else if (message.method === "session/request_permission") {
      // By kind, never by id: the ids differ between agents.
      const option = message.params.options.find(({ kind }) => kind === "allow_once");
      send({ id: message.id, result: { outcome: { outcome: "selected", optionId: option.optionId } } });
    } else if (message.method && message.id !== undefined) {
      send({ id: message.id, error: { code: -32601, message: "Method not found" } });
    } else if (waiting.has(message.id)) {
      const { resolve, reject, method } = waiting.get(message.id);
      if (message.error) reject(new Error(`${method}: ${JSON.stringify(message.error)}`));
      else resolve(message.result);
    }
  });
  child.on("exit", (code) => waiting.forEach(({ reject, method }) => reject(new Error(`${method}: exit ${code}`))));
  await ask("initialize", {
    protocolVersion: 1,
    clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
    clientInfo: { name: "partita-smoke", version: "0" },
  });
  const { sessionId } = await ask("session/new", {
    cwd: folder,
    mcpServers: [{ name: "partita", env: [], ...reportTool(place) }],
  });
  await ask("session/set_mode", { sessionId, modeId: agent.mode });
  const { stopReason } = await ask("session/prompt", { sessionId, prompt: [{ type: "text", text: "Please do it." }] });
  if (stopReason !== "end_turn") throw new Error(`stopReason ${stopReason}`);
  return said;
}

// claude's own JSON in both directions.
function claudeTwoWay(_agent, child, lines) {
  const send = (message) => child.stdin.write(`${JSON.stringify(message)}\n`);
  send({ type: "control_request", request_id: "init-1", request: { subtype: "initialize", hooks: null } });
  send({ type: "user", message: { role: "user", content: "Please do it." }, parent_tool_use_id: null, session_id: "" });
  return new Promise((resolve, reject) => {
    child.on("exit", (code) => reject(new Error(`no result, exit ${code}`)));
    lines.on("line", (line) => {
      const message = JSON.parse(line);
      if (message.type === "control_request") {
        const response = { behavior: "allow", updatedInput: message.request.input };
        send({ type: "control_response", response: { subtype: "success", request_id: message.request_id, response } });
      } else if (message.type === "result") {
        if (message.is_error) reject(new Error(`result: ${line}`));
        else resolve(message.result);
      }
    });
  });
}

// codex's one-shot stream; the prompt goes in by stdin.
function codexExec(_agent, child, lines) {
  child.stdin.end("Please do it.");
  let said = "";
  return new Promise((resolve, reject) => {
    child.on("exit", (code) => reject(new Error(`no turn.completed, exit ${code}`)));
    lines.on("line", (line) => {
      const event = JSON.parse(line);
      if (event.type === "item.completed" && event.item.type === "agent_message") said += event.item.text;
      if (event.type === "turn.completed") resolve(said);
      if (event.type === "turn.failed") reject(new Error(line));
    });
  });
}

function next(lines) {
  return new Promise((resolve) => lines.once("line", resolve));
}

function within(limitMs, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing for ${limitMs / 1000} s`)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function seconds(since) {
  return (Date.now() - since) / 1000;
}
