// What the scripted agent does in these tests.

/** Says numbered lines at a pace that can be watched. */
export function counting(lines: number, delay_ms: number): string {
  const text = Array.from({ length: lines }, (_, index) => `line ${index + 1} of ${lines}\\n`).join("");
  return `do = [{ say = { text = "${text}", piece = 20, delay_ms = ${delay_ms} } }]\n`;
}

/** One agent step that reads. */
export const TALK = `
name = "talk"
category = "analysis"
version = 1
summary = "One agent says something."

[[step]]
id = "talk"
title = "Say it"
kind = "agent"
prompt = "{{ input.question }}"
`;

/** What an agent might say that means harm, to whoever shows it as anything but text. */
const HARM = [
  "I mean no harm.",
  "<script>alert(1)</script>",
  "<img src=https://evil.example/seen.png onerror=alert(2)>",
  "<iframe srcdoc='<script>alert(3)</script>'></iframe><svg onload=alert(4)>",
  '<a href="javascript:alert(5)">here</a> <form action=https://evil.example><button>go</button></form>',
  "[click](javascript:alert(6)) [data](data:text/html,<script>alert(7)</script>) ![seen](https://evil.example/seen.png)",
  "<style>body{background:url(https://evil.example/bg)}</style> {{ constructor.constructor('alert(8)')() }} {@html 1}",
  "\\u001b[2J\\u001b]8;;https://evil.example\\u0007link\\u001b]8;;\\u0007 \\u009b31m",
  "approve \\u202egnihton\\u202c \\u2066x\\u2069 zero\\u200bwidth \\ufeff",
  `</pre></div></body><h1>Your session has ended</h1> ${"w".repeat(3_000)}`,
];

/** The agent says it, says it again in what it hands over, and writes it into a file. */
export function hostileScript(): string {
  const text = HARM.map((line) => line.replaceAll('"', '\\"')).join("\\n\\n");
  const write =
    '{ write = { path = "<img src=x onerror=alert(9)>.md", content = "<b>not bold</b>\\n<script>alert(10)</script>\\n" } }';
  return `do = [{ think = "${text}" }, { tool = { title = "${text}", kind = "read", status = "completed", output = "${text}" } }, ${write}, { say = "${text}" }]\n`;
}

export const HOSTILE = `
name = "harm"
category = "authoring"
version = 1
summary = "One agent writes something."

[[step]]
id = "harm"
title = "<img src=x onerror=alert(11)> \\u202e"
kind = "agent"
access = "write"
prompt = "{{ input.question }}"
`;
