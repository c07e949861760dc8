import type { ComponentChildren } from "preact";

/** Shows a text of the catalogue: **bold** and ~~worse than before~~. */
export function Rich({ text }: { text: string }) {
  const parts: ComponentChildren[] = text.split(/(\*\*.+?\*\*|~~.+?~~)/).map((part, index) => {
    if (part.startsWith("**")) return <b key={index}>{part.slice(2, -2)}</b>;
    if (part.startsWith("~~")) return <span key={index} class="was">{part.slice(2, -2)}</span>;
    return part;
  });
  return <>{parts}</>;
}

/** The same text for a screen reader's label. */
export function plainText(text: string): string {
  return text.replace(/\*\*|~~/g, "");
}
