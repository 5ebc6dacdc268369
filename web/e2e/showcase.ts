// What the pictures show beside the demo: a run that goes on, one that failed, and one that waits for a person.

export const APPROVAL = "release";

/** Scenes of the scripted agent, for the flows below. */
export const SHOWCASE = `
[[scene]]
title = "survey: done"
match = ["# Survey: network"]
do = [
  { tool = { title = "Read src/server/listen.rs", kind = "read", status = "completed", output = "" } },
  { say = "The network adds next to nothing: requests come over a socket of this machine.\\n" },
  { usage = { input = 18240, cached = 61300, output = 2210, cost_usd = 0.21 } },
]

[[scene]]
title = "survey"
match = ["# Survey"]
do = [
  { think = "I begin where a request comes in and follow it to the answer." },
  { tool = { title = "Read src/server/accept.rs", kind = "read", status = "completed", output = "pub async fn accept(listener: Listener) { … }" } },
  { tool = { title = "Search for spawn_blocking", kind = "search", status = "completed", output = "src/store/writer.rs:88\\nsrc/store/reader.rs:41" } },
  { say = "The first thing that costs time is the guard: it looks a session up for each request.\\n\\nThe second is the store. Every write waits for the next group commit, four milliseconds at most, and a third of them for longer.\\n" },
  { tool = { title = "Read src/store/writer.rs", kind = "read", status = "in_progress", output = "" } },
  { hang = true },
]

[[scene]]
title = "audit"
match = ["# Audit"]
do = [
  { say = "I read the handlers one after the other.\\n" },
  { usage = { input = 9120, cached = 20400, output = 640, cost_usd = 0.08 } },
  { fail = "bad_request" },
]
`;

export const showcase: Record<string, string> = {
  survey: `
name = "survey"
category = "analysis"
version = 3
summary = "Several agents look at one question from different sides."

[size.small]
sides = [{ name = "network" }, { name = "storage" }, { name = "scheduling" }]

[size.medium]
sides = [{ name = "network" }]

[size.large]
sides = [{ name = "network" }]

[[step]]
id = "survey"
title = "Look from each side"
kind = "agent"
each = "size.sides"
prompt = "# Survey: {{ item.name }}"

[[step]]
id = "sum"
title = "Write the answer"
kind = "agent"
needs = ["survey"]
prompt = "# Sum up"
`,
  audit: `
name = "audit"
category = "review"
version = 1
summary = "Reads code for one kind of mistake."

[[step]]
id = "audit"
title = "Read the handlers"
kind = "agent"
retry = { max = 1, base = "100ms", cap = "200ms" }
prompt = "# Audit"

[[step]]
id = "sum"
title = "Write it down"
kind = "agent"
needs = ["audit"]
prompt = "# Sum up"
`,
  release: `
name = "release"
category = "planning"
version = 1
summary = "Runs the project's own tests before anything goes out."

[[step]]
id = "tests"
title = "Run the tests"
kind = "command"
command = "cargo nextest run --workspace && ./scripts/smoke.sh --against main"

[[step]]
id = "go"
title = "Shall it go out?"
kind = "approval"
needs = ["tests"]
`,
};
