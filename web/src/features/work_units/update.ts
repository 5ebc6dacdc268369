// What a frame changes in the list of work units.
import type { FrameOf, WorkUnit } from "../../api/types";

export function withUpdate(units: WorkUnit[], frame: FrameOf<"work_unit_update">): WorkUnit[] {
  if (frame.deleted) return units.filter((unit) => unit.id !== frame.id);
  const { chunk, phase, status, blocked_by, priority, at } = frame;
  const news = { chunk, phase, status, blocked_by, priority, run_id: frame.run_id ?? null, updated_at: at };
  if (units.some((unit) => unit.id === frame.id)) {
    return units.map((unit) => (unit.id === frame.id ? { ...unit, ...news } : unit));
  }
  return [...units, { ...news, id: frame.id, created_at: at }];
}

/** Those that need somebody first, then those under way, then what waits; the newest news first within each. */
export function ordered(units: readonly WorkUnit[]): WorkUnit[] {
  const rank = { NEEDS_ATTENTION: 0, RUNNING: 1, READY: 2, BLOCKED: 3, DONE: 4 } as const;
  return [...units].sort(
    (one, other) =>
      rank[one.status] - rank[other.status] ||
      other.priority - one.priority ||
      Date.parse(other.updated_at) - Date.parse(one.updated_at),
  );
}
