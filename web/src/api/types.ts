// Short names for the generated types.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Answer = Schemas["Answer"];
export type Attention = Schemas["Attention"];
export type Choice = Schemas["Choice"];
export type Diff = Schemas["Diff"];
export type FileChange = Schemas["FileChange"];
export type FlowRunStepUpdated = Schemas["FlowRunStepUpdated"];
export type Frame = Schemas["Frame"];
export type Login = Schemas["Login"];
export type NewWorkUnit = Schemas["NewWorkUnit"];
export type Project = Schemas["Project"];
export type Run = Schemas["Run"];
export type RunDetail = Schemas["RunDetail"];
export type RunStatus = Schemas["RunStatus"];
export type Status = Schemas["Status"];
export type StatusChange = Schemas["StatusChange"];
export type Step = Schemas["Step"];
export type StepOutput = Schemas["StepOutput"];
export type Task = Schemas["Task"];
export type Transcript = Schemas["Transcript"];
export type TranscriptEntry = Schemas["TranscriptEntry"];
export type Usage = Schemas["Usage"];
export type WorkUnit = Schemas["WorkUnit"];
export type WorkUnitUpdate = Schemas["WorkUnitUpdate"];

/** A page of a list. */
export interface Page<T> {
  items: T[];
  next?: string | null;
}

export type FrameOf<Type extends Frame["type"]> = Extract<Frame, { type: Type }>;
