import { t } from "../../text";
import { Button } from "../Button/Button";
import { copyText } from "../CopyLink/CopyLink";
import "./CodeBlock.css";

export function CodeBlock({ code, label }: { code: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>
        <code>{code}</code>
      </pre>
      <div class="code-copy">
        <Button look="second" onClick={() => void copyText(code, t("copied"))}>{t("copy")}</Button>
      </div>
    </div>
  );
}
