// The screens, and the fragments of the address that stand for them.

export type Route =
  | { name: "runs"; status: string; search: string }
  | { name: "run"; run: string; step: string | null }
  | { name: "work_units" }
  | { name: "work_unit"; chunk: string }
  | { name: "attention" }
  | { name: "unknown" };

/** The screen of a fragment. */
export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  const asked = new URLSearchParams(query);
  const [noun, name, part, key] = parts;
  if (noun === undefined || (noun === "runs" && name === undefined)) {
    return { name: "runs", status: asked.get("status") ?? "", search: asked.get("search") ?? "" };
  }
  if (noun === "runs" && name !== undefined) {
    return { name: "run", run: name, step: part === "steps" && key !== undefined ? key : null };
  }
  if (noun === "work-units") {
    return name === undefined ? { name: "work_units" } : { name: "work_unit", chunk: name };
  }
  if (noun === "attention") return { name: "attention" };
  return { name: "unknown" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const links = {
  runs(status = "", search = ""): string {
    const query = new URLSearchParams();
    if (status) query.set("status", status);
    if (search) query.set("search", search);
    const text = query.toString();
    return text ? `#/runs?${text}` : "#/runs";
  },
  run: (run: string) => `#/runs/${encodeURIComponent(run)}`,
  step: (run: string, key: string) => `#/runs/${encodeURIComponent(run)}/steps/${encodeURIComponent(key)}`,
  work_units: () => "#/work-units",
  work_unit: (chunk: string) => `#/work-units/${encodeURIComponent(chunk)}`,
  attention: () => "#/attention",
};
