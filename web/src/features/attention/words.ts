// How what waits for a person is called.
import type { Attention, Choice } from "../../api/types";

export const KINDS: Record<Attention["kind"], string> = {
  question: "Question",
  approval: "Approval",
  review: "Review",
  conflict: "Conflict",
  stuck: "Stuck",
  failure: "Failure",
  limit: "Limit",
};

export const CHOICES: Record<Choice, { name: string; does: string }> = {
  retry: { name: "Retry", does: "Do it again." },
  skip: { name: "Skip", does: "Go on without it." },
  cancel: { name: "Cancel the run", does: "Stop what is under way and end the run." },
  approve: { name: "Approve", does: "Let exactly this happen." },
  reject: { name: "Reject", does: "Do not let it happen." },
  dismiss: { name: "Dismiss", does: "Take note of it; nothing else happens." },
};

/** What approving does, where commands are approved. */
export const TRUST = "Let exactly these commands run, now and later, for as long as they stay what they are.";
