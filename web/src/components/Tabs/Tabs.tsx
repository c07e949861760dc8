import type { ComponentChildren } from "preact";
import { pageAddress } from "../../app/view";
import "./Tabs.css";

export interface Tab {
  id: string;
  path: string[];
  label: ComponentChildren;
}

/** Parts of a page with addresses of their own. */
export function Tabs({ label, tabs, current }: { label: string; tabs: Tab[]; current: string }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.id} href={pageAddress(tab.path)} aria-current={tab.id === current ? "page" : undefined}>
          {tab.label}
        </a>
      ))}
    </nav>
  );
}
