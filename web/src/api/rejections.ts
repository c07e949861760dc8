import { ask, sitePath } from "./client";

export interface Rejection {
  receivedAt: string;
  reason: string;
  type: string | null;
  event: string | null;
  messageId: string | null;
}

export interface RejectionsAnswer {
  since?: string;
  counts?: Record<string, number>;
  rejections: Rejection[];
}

export function askRejections(site: string, signal?: AbortSignal): Promise<RejectionsAnswer> {
  return ask(sitePath(site, "rejections"), { signal });
}
