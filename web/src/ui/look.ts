// How something is, in a word that has a sign.
export type Look =
  | "pending"
  | "running"
  | "completed"
  | "failed"
  | "cancelled"
  | "skipped"
  | "parked"
  | "waiting"
  | "left_out";
