import type { Page } from "@playwright/test";

/** What a designer would see at a glance, measured in the page: text that is cut, lies over other text or sticks out. */
export async function layoutFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const faults: string[] = [];
    const root = document.scrollingElement!;
    if (root.scrollWidth > innerWidth) faults.push(`the page is ${root.scrollWidth} px wide, the window ${innerWidth}`);

    const name = (element: Element): string => {
      const classes = element.getAttribute("class")?.trim().split(/\s+/).join(".");
      return element.tagName.toLowerCase() + (classes ? `.${classes}` : "");
    };
    const path = (element: Element): string => [element.parentElement?.parentElement, element.parentElement, element].filter((each): each is Element => !!each).map(name).join(" > ");
    const isForEars = (element: Element) => !!element.closest(".vh, .skip");
    const isShown = (element: Element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !isForEars(element);

    interface Piece {
      element: Element;
      text: string;
      rect: DOMRect;
      layer: Element | null;
    }
    const layerOf = (element: Element): Element | null => {
      for (let at: Element | null = element; at; at = at.parentElement) {
        const { position } = getComputedStyle(at);
        if (position === "fixed" || position === "sticky") return at;
      }
      return null;
    };
    /** The part of a rectangle that is not scrolled or cut away. */
    const clipped = (element: Element, rect: DOMRect): DOMRect | null => {
      let { left, right, top, bottom } = rect;
      for (let at: Element | null = element; at && at !== root; at = at.parentElement) {
        const style = getComputedStyle(at);
        if (style.overflowX === "visible" && style.overflowY === "visible") continue;
        const box = at.getBoundingClientRect();
        left = Math.max(left, box.left);
        right = Math.min(right, box.right);
        top = Math.max(top, box.top);
        bottom = Math.min(bottom, box.bottom);
      }
      return right - left > 1 && bottom - top > 1 ? new DOMRect(left, top, right - left, bottom - top) : null;
    };

    const pieces: Piece[] = [];
    const holders = new Set<Element>();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.textContent!.trim();
      const element = node.parentElement;
      if (!text || !element || !isShown(element) || element.closest("script, style, title, desc, option")) continue;
      holders.add(element);
      const range = document.createRange();
      range.selectNodeContents(node);
      const layer = layerOf(element);
      for (const rect of range.getClientRects()) {
        const seen = clipped(element, rect);
        if (seen) pieces.push({ element, text, rect: seen, layer });
      }
    }

    for (const element of holders) {
      for (let at: Element | null = element; at && at !== document.body; at = at.parentElement) {
        const style = getComputedStyle(at);
        if (style.display === "inline") continue;
        const says = !!at.closest("[title]");
        const hides = (overflow: string) => overflow === "hidden" || overflow === "clip";
        if (hides(style.overflowX) && at.scrollWidth > at.clientWidth + 1 && !says) faults.push(`cut: "${element.textContent!.trim().slice(0, 60)}" in ${path(at)} (${at.scrollWidth} px in ${at.clientWidth})`);
        if (hides(style.overflowY) && at.scrollHeight > at.clientHeight + 3 && !says) faults.push(`cut below: "${element.textContent!.trim().slice(0, 60)}" in ${path(at)} (${at.scrollHeight} px in ${at.clientHeight})`);
        break;
      }
    }

    // Text that leaves the box of its paragraph, cell or button without being cut.
    for (const piece of pieces) {
      if (piece.element.closest("svg")) continue;
      let box: Element | null = piece.element;
      while (box && getComputedStyle(box).display.startsWith("inline") && !box.matches("button, a.button")) box = box.parentElement;
      if (!box || getComputedStyle(box).display === "contents") continue;
      const bounds = box.getBoundingClientRect();
      if (bounds.width > 0 && (piece.rect.right > bounds.right + 2 || piece.rect.left < bounds.left - 2)) faults.push(`sticks out: "${piece.text.slice(0, 60)}" of ${path(box)} by ${Math.round(Math.max(piece.rect.right - bounds.right, bounds.left - piece.rect.left))} px`);
      if (piece.rect.right > innerWidth + 1 && !piece.layer) faults.push(`beyond the window: "${piece.text.slice(0, 60)}" of ${path(box)}`);
    }

    pieces.sort((a, b) => a.rect.top - b.rect.top);
    for (let i = 0; i < pieces.length; i++) {
      const a = pieces[i];
      for (let j = i + 1; j < pieces.length && pieces[j].rect.top < a.rect.bottom; j++) {
        const b = pieces[j];
        if (a.layer !== b.layer || a.element === b.element) continue;
        const wide = Math.min(a.rect.right, b.rect.right) - Math.max(a.rect.left, b.rect.left);
        const high = Math.min(a.rect.bottom, b.rect.bottom) - Math.max(a.rect.top, b.rect.top);
        if (wide > 2 && high > 0.35 * Math.min(a.rect.height, b.rect.height)) faults.push(`overlap: "${a.text.slice(0, 40)}" (${name(a.element)}) and "${b.text.slice(0, 40)}" (${name(b.element)}) by ${Math.round(wide)} × ${Math.round(high)} px`);
      }
    }
    return [...new Set(faults)];
  });
}
