import { ask } from "./client";

/** How far the practice site is; `done` runs from 0 to 1. */
export interface Practice {
  state: "none" | "running" | "ready";
  done: number;
  site: string;
}

export function askPractice(signal?: AbortSignal): Promise<Practice> {
  return ask("app/api/practice", { signal });
}

export function startPractice(): Promise<void> {
  return ask("app/api/practice", { method: "POST" });
}
