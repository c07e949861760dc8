import type { ComponentChildren, TargetedKeyboardEvent } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import "./Popover.css";

interface Props {
  /** What the button shows. */
  button: ComponentChildren;
  buttonClass?: string;
  label?: string;
  /** The name of what opens. */
  title: string;
  role?: "dialog" | "listbox" | "menu";
  children: (close: () => void) => ComponentChildren;
  width?: number;
  align?: "start" | "end";
}

const EDGE = 12;

/** Keeps what opens inside the window, whatever the button's place. */
function place(panel: HTMLElement, button: HTMLElement, align: "start" | "end"): void {
  const box = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const wanted = align === "end" ? box.right - width : box.left;
  const left = Math.min(Math.max(wanted, EDGE), innerWidth - width - EDGE);
  const below = box.bottom + 6;
  const top = below + height > innerHeight - EDGE && box.top - 6 - height > EDGE ? box.top - 6 - height : below;
  panel.style.left = `${Math.max(left, EDGE)}px`;
  panel.style.top = `${top}px`;
  panel.style.maxHeight = `${innerHeight - top - EDGE}px`;
}

function firstFocus(panel: HTMLElement): void {
  const chosen = panel.querySelector<HTMLElement>("[data-autofocus], [aria-selected='true'], [aria-checked='true']");
  (chosen ?? panel.querySelector<HTMLElement>("button, a[href], input, [tabindex='0']") ?? panel).focus();
}

/** Up and down move through what can be chosen. */
export function moveWithArrows(event: TargetedKeyboardEvent<HTMLElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  if ((event.target as HTMLElement).matches("input[type=date]")) return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>("button:not(:disabled), a[href], input")];
  if (!all.length) return;
  event.preventDefault();
  const at = all.indexOf(document.activeElement as HTMLElement);
  all[(at + (event.key === "ArrowDown" ? 1 : all.length - 1)) % all.length]?.focus();
}

/** A button, and what it opens beside itself. Esc and a click elsewhere close it; the button gets the focus back. */
export function Popover({ button, buttonClass = "ctl", label, title, role = "dialog", children, width, align = "start" }: Props) {
  const [open, setOpen] = useState(false);
  const buttonRef = useRef<HTMLButtonElement>(null);
  const panelRef = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    buttonRef.current?.focus({ preventScroll: true });
  };

  useLayoutEffect(() => {
    if (!open || !panelRef.current || !buttonRef.current) return;
    const [panel, anchor] = [panelRef.current, buttonRef.current];
    place(panel, anchor, align);
    firstFocus(panel);
    const again = () => place(panel, anchor, align);
    addEventListener("resize", again);
    addEventListener("scroll", again, { passive: true, capture: true });
    return () => {
      removeEventListener("resize", again);
      removeEventListener("scroll", again, { capture: true });
    };
  }, [open, align]);

  useLayoutEffect(() => {
    if (!open) return;
    const away = (event: PointerEvent) => {
      const target = event.target as Node;
      if (!panelRef.current?.contains(target) && !buttonRef.current?.contains(target)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLElement>) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Tab" && role !== "dialog") setOpen(false);
    else moveWithArrows(event);
  };

  return (
    <>
      <button ref={buttonRef} type="button" class={buttonClass} aria-label={label} title={label} aria-haspopup={role} aria-expanded={open} aria-controls={open ? id : undefined} onClick={() => setOpen(!open)}>
        {button}
      </button>
      {open && (
        <div ref={panelRef} id={id} class="popover" role={role} aria-label={title} tabIndex={-1} style={width ? { width: `min(${width}px, calc(100vw - 24px))` } : undefined} onKeyDown={onKeyDown}>
          {children(close)}
        </div>
      )}
    </>
  );
}
