import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A page in a file of its own, fetched when it is first opened. */
export function lazy<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  let loaded: FunctionComponent<P> | null = null;
  return function Lazy(props: P) {
    const [, redraw] = useState(0);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (component) => {
          loaded = component;
          redraw(1);
        },
        // A new version took the old files away: fetch the page anew.
        () => location.reload(),
      );
    }, []);
    const Component = loaded;
    return Component ? <Component {...props} /> : <div class="lazy-room" aria-hidden="true" />;
  };
}
