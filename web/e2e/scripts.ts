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
