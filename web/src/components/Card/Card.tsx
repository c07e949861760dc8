import type { ComponentChildren } from "preact";
import "./Card.css";

interface Props {
  title?: ComponentChildren;
  define?: ComponentChildren;
  tools?: ComponentChildren;
  children: ComponentChildren;
  foot?: ComponentChildren;
  /** Old figures while new ones load. */
  stale?: boolean;
  label?: string;
}

export function Card({ title, define, tools, children, foot, stale, label }: Props) {
  return (
    <section class={stale ? "card stale" : "card"} aria-label={label} aria-busy={stale || undefined}>
      {title && (
        <header class="card-head">
          <h2>{title}</h2>
          {define}
          {tools && <div class="card-tools">{tools}</div>}
        </header>
      )}
      <div class="card-main">{children}</div>
      {foot}
    </section>
  );
}
