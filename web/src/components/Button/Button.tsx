import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import "./Button.css";

type Look = "first" | "second" | "quiet";

interface Common {
  look?: Look;
  children: ComponentChildren;
}

export function Button({ look = "first", children, ...rest }: Common & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button type="button" {...rest} class={`btn ${look}`}>
      {children}
    </button>
  );
}

export function LinkButton({ look = "first", children, href }: Common & { href: string }) {
  return (
    <a class={`btn ${look}`} href={href}>
      {children}
    </a>
  );
}
