import { effect, signal } from "@preact/signals";
import { PREFIX } from "../app/prefix";
import { apiAddress, ask, csrf, signedOut } from "./client";
import { isProblem, Problem } from "./problem";

export interface Site {
  id: string;
  name: string;
  role: "viewer" | "editor" | "admin";
  timezone: string;
  currency: string;
  practice?: boolean;
}

export interface Session {
  user: { id: string; name: string; email: string; role_everywhere: "admin" | null };
  sites: Site[];
  csrf: string;
  /** What this Etappe can do beyond figures. */
  offers: string[];
}

export type SessionState = { is: "loading" } | { is: "in"; session: Session } | { is: "out" } | { is: "first" } | { is: "failed"; problem: Problem };

export const sessionState = signal<SessionState>({ is: "loading" });

/** Whether this Etappe can do it; what it cannot is not offered. */
export function offers(what: "meanings" | "audit" | "shares" | "keys" | "practice"): boolean {
  const now = sessionState.value;
  return now.is === "in" && now.session.offers.includes(what);
}

function enter(session: Session): void {
  csrf.value = session.csrf;
  sessionState.value = { is: "in", session };
}

export async function loadSession(): Promise<void> {
  try {
    enter(await ask<Session>("app/api/session"));
  } catch (error) {
    if (!isProblem(error)) throw error;
    if (error.status === 401) sessionState.value = { is: "out" };
    else if (error.kind === "first-account-needed") sessionState.value = { is: "first" };
    else sessionState.value = { is: "failed", problem: error };
  }
}

/** How one may sign in here. */
export interface SignInWays {
  password: boolean;
  oidc: { name: string } | null;
}

export function askSignInWays(): Promise<SignInWays> {
  return ask("app/api/sign-in-ways");
}

/** Where the other house's page is reached from; it leads back to an address of the app and nowhere else. */
export function oidcAddress(back: string | null): string {
  return apiAddress("app/api/oidc/start", { return: back ?? `${PREFIX}/app/` });
}

export async function signIn(email: string, password: string): Promise<void> {
  enter(await ask<Session>("app/api/session", { body: { email, password } }));
}

export async function signOut(): Promise<void> {
  await ask("app/api/session", { method: "DELETE" });
  csrf.value = null;
  sessionState.value = { is: "out" };
}

export async function makeFirstAccount(account: { token: string; name: string; email: string; password: string }): Promise<void> {
  const made = await ask<Session | undefined>("app/api/first-account", { body: account });
  if (made?.user) enter(made);
  else await loadSession();
}

export async function changePassword(current: string, next: string): Promise<void> {
  // All sessions end with it, so this one goes on as a new one.
  const begun = await ask<Session | undefined>("app/api/password", { body: { current, new: next } });
  if (begun?.user) enter(begun);
}

/** Any answer of 401 ends the session here, too. */
export function watchSession(): void {
  effect(() => {
    if (signedOut.value > 0 && sessionState.peek().is === "in") sessionState.value = { is: "out" };
  });
}
