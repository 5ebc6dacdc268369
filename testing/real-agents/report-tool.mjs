// The least MCP server: one tool, `report_result`, whose input is written to the file given as argument.
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [target] = process.argv.slice(2);
const tool = {
  name: "report_result",
  description: "Hands over the result of the task.",
  inputSchema: { type: "object", properties: { findings: { type: "array", items: { type: "string" } } }, required: ["findings"] },
};

const ANSWERS = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "partita", version: "0" },
  }),
  ping: () => ({}),
  "tools/list": () => ({ tools: [tool] }),
  "tools/call": ({ arguments: input }) => {
    writeFileSync(target, JSON.stringify(input));
    return { content: [{ type: "text", text: "Received." }] };
  },
};

createInterface(process.stdin).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const answer = ANSWERS[method];
  const outcome = answer ? { result: answer(params) } : { error: { code: -32601, message: "Method not found" } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...outcome })}\n`);
});
