import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { site } from "../../app/view";
import { t } from "../../text";
import "./Head.css";

interface Props {
  title: string;
  question?: string;
  children?: ComponentChildren;
}

/** The name of a page, the question it answers, and its controls. */
export function Head({ title, question, children }: Props) {
  useEffect(() => {
    document.title = [title, site.value?.name, t("app.name")].filter(Boolean).join(" · ");
  }, [title, site.value?.name]);
  return (
    <header class="head">
      <div class="head-words">
        <h1>{title}</h1>
        {question && <p>{question}</p>}
      </div>
      {children && <div class="head-tools">{children}</div>}
    </header>
  );
}
