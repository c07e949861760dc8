/** What the addresses of pages begin with, below the prefix. */
const ROOTS = ["/app/", "/share/", "/embed/"];

/**
 * What stands in front of `/app/` in the address, such as "" or "/stats". The server does not know it, because a proxy
 * may have taken it off, so it is read from the address of this very script; from the page's in development.
 */
export function prefixOf(script: string, page: string): string {
  const built = new URL(script, "http://x").pathname.lastIndexOf("/app/assets/");
  if (built >= 0) return new URL(script, "http://x").pathname.slice(0, built);
  const found = ROOTS.map((root) => page.indexOf(root)).filter((at) => at >= 0);
  if (found.length) return page.slice(0, Math.min(...found));
  return page.endsWith("/app") ? page.slice(0, -4) : "";
}

export const PREFIX = typeof location === "undefined" ? "" : prefixOf(import.meta.url, location.pathname);
