import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, isProblem } from "./problem";

/** The state of a question: the last figures stay while new ones load. */
export interface Answer<T> {
  data: T | null;
  /** When `data` arrived. */
  at: number;
  problem: Problem | null;
  loading: boolean;
  /** Loading for more than two seconds. */
  slow: boolean;
  /** Seconds until the next try, where the server is away for a while. */
  retryIn: number | null;
  again: () => void;
}

const FRESH_MS = 30_000;
const MOST_KEPT = 80;
const cache = new Map<string, { data: unknown; at: number }>();

function remember(key: string, data: unknown): void {
  cache.delete(key);
  cache.set(key, { data, at: Date.now() });
  if (cache.size > MOST_KEPT) cache.delete(cache.keys().next().value!);
}

interface Running {
  promise: Promise<unknown>;
  abort: AbortController;
  users: number;
}

const running = new Map<string, Running>();

/** Parts of a page that ask the same share one request; it is called off when the last of them leaves. */
function join<T>(key: string, question: (signal: AbortSignal) => Promise<T>): { promise: Promise<T>; leave: () => void } {
  let one = running.get(key);
  if (!one) {
    const abort = new AbortController();
    const promise = question(abort.signal).finally(() => running.get(key) === one && running.delete(key));
    one = { promise, abort, users: 0 };
    running.set(key, one);
  }
  const joined = one;
  joined.users += 1;
  const leave = () => {
    joined.users -= 1;
    if (joined.users > 0 || running.get(key) !== joined) return;
    running.delete(key);
    joined.abort.abort();
  };
  return { promise: joined.promise as Promise<T>, leave };
}

const LOOK_MS = 200;
const LONGEST_WAIT_MS = 10_000;

/** Waits until the page has had its answers for a moment, with what is not urgent. */
export async function pageIsAnswered(): Promise<void> {
  const end = Date.now() + LONGEST_WAIT_MS;
  let looks = 0;
  while (looks < 2 && Date.now() < end) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    looks = running.size === 0 ? looks + 1 : 0;
  }
}

/** After a change on the server, what was counted before it no longer holds. */
export function forgetAnswers(): void {
  cache.clear();
}

function waitFor(problem: Problem): number | null {
  if (problem.status === 503) return problem.retryAfter ?? 10;
  return problem.kind === "offline" ? 10 : null;
}

interface State<T> {
  key: string | null;
  data: T | null;
  at: number;
  problem: Problem | null;
  loading: boolean;
}

/** Counts down to the next try of a server that is away. */
function useRetry(problem: Problem | null, again: () => void): number | null {
  const [left, setLeft] = useState<number | null>(null);
  useEffect(() => {
    const wait = problem && waitFor(problem);
    setLeft(wait);
    if (wait == null) return;
    const until = Date.now() + wait * 1000;
    const timer = setInterval(() => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      setLeft(Math.max(seconds, 0));
      if (seconds <= 0) {
        clearInterval(timer);
        again();
      }
    }, 500);
    return () => clearInterval(timer);
  }, [problem]);
  return left;
}

function useSlow(loading: boolean, key: string | null): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    setSlow(false);
    if (!loading) return;
    const timer = setTimeout(() => setSlow(true), 2000);
    return () => clearTimeout(timer);
  }, [loading, key]);
  return slow;
}

/** Asks again whenever `key` changes; `null` asks nothing. */
export function useAnswer<T>(key: string | null, question: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const [round, setRound] = useState(0);
  const [state, setState] = useState<State<T>>(() => {
    const known = key === null ? undefined : cache.get(key);
    return { key, data: (known?.data as T) ?? null, at: known?.at ?? 0, problem: null, loading: key !== null };
  });
  const latest = useRef(question);
  latest.current = question;

  useEffect(() => {
    if (key === null) return setState({ key, data: null, at: 0, problem: null, loading: false });
    const known = cache.get(key);
    if (known && round === 0 && Date.now() - known.at < FRESH_MS) {
      return setState({ key, data: known.data as T, at: known.at, problem: null, loading: false });
    }
    let left = false;
    const { promise, leave } = join(key, (signal) => latest.current(signal));
    setState((old) => ({ key, data: (known?.data as T) ?? old.data, at: known?.at ?? old.at, problem: null, loading: true }));
    promise.then(
      (data) => {
        remember(key, data);
        if (!left) setState({ key, data, at: Date.now(), problem: null, loading: false });
      },
      (error: unknown) => {
        if (left) return;
        const problem = isProblem(error) ? error : new Problem(0, "unknown", String(error));
        setState((old) => ({ ...old, problem, loading: false }));
      },
    );
    return () => {
      left = true;
      leave();
    };
  }, [key, round]);

  const again = () => setRound((old) => old + 1);
  const loading = state.loading || state.key !== key;
  return { ...state, loading, slow: useSlow(loading, key), retryIn: useRetry(state.problem, again), again };
}
