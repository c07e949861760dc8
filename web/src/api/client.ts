import { signal } from "@preact/signals";
import { language } from "../app/preferences";
import { PREFIX } from "../app/prefix";
import { Problem, problemOf } from "./problem";

/** Told by the session; sent with everything but GET. */
export const csrf = signal<string | null>(null);

/** Sent in place of a session on a page that was shared. */
export const bearer = signal<string | null>(null);

/** Called when an answer says that nobody is signed in any more. */
export const signedOut = signal(0);

export interface Question {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  query?: Record<string, string | number | null | undefined>;
  body?: unknown;
  accept?: string;
  signal?: AbortSignal;
}

export function apiAddress(path: string, query: Question["query"] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value != null && value !== "") search.set(name, String(value));
  const text = search.toString();
  return `${PREFIX}/${path}${text ? `?${text}` : ""}`;
}

async function reach(path: string, question: Question): Promise<Response> {
  const method = question.method ?? (question.body === undefined ? "GET" : "POST");
  const headers: Record<string, string> = { Accept: question.accept ?? "application/json", "Accept-Language": language.value };
  if (question.body !== undefined) headers["Content-Type"] = "application/json";
  if (bearer.value) headers.Authorization = `Bearer ${bearer.value}`;
  if (method !== "GET" && csrf.value) headers["X-CSRF-Token"] = csrf.value;
  try {
    return await fetch(apiAddress(path, question.query), {
      method,
      headers,
      body: question.body === undefined ? undefined : JSON.stringify(question.body),
      signal: question.signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new Problem(0, "offline", "");
  }
}

/** Where 401 says that a password is wrong, and nothing of the session. */
const PROVES_WHO = /^(app\/api\/(session|password|first-account)$|share\/)/;

export async function askRaw(path: string, question: Question = {}): Promise<Response> {
  const response = await reach(path, question);
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && !PROVES_WHO.test(path)) signedOut.value += 1;
  throw problem;
}

export async function ask<T>(path: string, question: Question = {}): Promise<T> {
  const response = await askRaw(path, question);
  const type = response.headers.get("Content-Type") ?? "";
  // Done, or taken on; there may be nothing to say about it.
  if (response.status === 204 || (response.status === 202 && !type.includes("json"))) return undefined as T;
  // A page in place of an answer means that this Etappe does not know the question.
  if (!type.includes("json")) throw new Problem(404, "not-found", "");
  return (await response.json()) as T;
}

/** The interface's own addresses of a site. */
export function siteApi(site: string, rest: string): string {
  return `app/api/sites/${encodeURIComponent(site)}/${rest}`;
}

export function sitePath(site: string, rest: string): string {
  return `v1/sites/${encodeURIComponent(site)}/${rest}`;
}
