import { useEffect, useState } from "preact/hooks";

/** Long enough for the next letter, short enough not to be noticed. */
export const TYPING_MS = 250;

/** A value once it has been still for a moment. */
export function useDebounced<T>(value: T, wait = TYPING_MS): T {
  const [still, setStill] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setStill(value), wait);
    return () => clearTimeout(timer);
  }, [value, wait]);
  return still;
}
