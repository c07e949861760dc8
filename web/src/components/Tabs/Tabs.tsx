import type { ComponentChildren } from "preact";
import { pageAddress } from "../../app/view";
import { moveAlong } from "../move-along";
import "./Tabs.css";

export interface Tab {
  id: string;
  path: string[];
  label: ComponentChildren;
}

/** Parts of a page with addresses of their own; arrows go from one to the next. */
export function Tabs({ label, tabs, current }: { label: string; tabs: Tab[]; current: string }) {
  return (
    <nav class="tabs" aria-label={label} onKeyDown={moveAlong}>
      {tabs.map((tab) => (
        <a key={tab.id} href={pageAddress(tab.path)} aria-current={tab.id === current ? "page" : undefined}>
          {tab.label}
        </a>
      ))}
    </nav>
  );
}
