import type { ComponentChildren, TargetedKeyboardEvent } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { overlay } from "./keys";
import "./Overlay.css";

const FOCUSABLE = "button:not(:disabled), a[href], input, select, textarea, summary, [tabindex='0']";

/** Something over the page: focus stays inside, Esc closes it and gives the focus back. */
export function Overlay({ title, wide, children }: { title: string; wide?: boolean; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const close = () => (overlay.value = null);

  // Before the next key can arrive: an effect after painting leaves Esc to the page below.
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    (box.current?.querySelector<HTMLElement>("input") ?? box.current)?.focus();
    return () => before?.focus?.({ preventScroll: true });
  }, []);

  // On the document, since a button that was pressed and removed leaves the focus with the page.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      close();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>) => {
    if (event.key !== "Tab") return;
    const all = [...event.currentTarget.querySelectorAll<HTMLElement>(FOCUSABLE)];
    const edge = event.shiftKey ? all[0] : all[all.length - 1];
    if (!all.length || document.activeElement === edge) {
      event.preventDefault();
      (event.shiftKey ? all[all.length - 1] : all[0])?.focus();
    }
  };

  return (
    <div class="veil" onPointerDown={(event) => event.target === event.currentTarget && close()}>
      <div ref={box} class={wide ? "overlay wide" : "overlay"} role="dialog" aria-modal="true" aria-label={title} tabIndex={-1} onKeyDown={onKeyDown}>
        {children}
      </div>
    </div>
  );
}
