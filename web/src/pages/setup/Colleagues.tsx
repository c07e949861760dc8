import { site } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { CodeBlock } from "../../components/CodeBlock/CodeBlock";
import { t } from "../../text";

/** How somebody gets an account; for those who may give one. */
export function Colleagues() {
  const { id, role } = site.value!;
  if (role !== "admin") return null;
  return (
    <Card title={t("colleagues.title")}>
      <div class="setup-colleagues">
        <p class="muted small">{t("colleagues.what")}</p>
        <CodeBlock code={`etappe users add anna@example.com --name Anna --role viewer --site ${id}`} label={t("colleagues.title")} />
        <p class="muted small">{t("colleagues.roles")}</p>
      </div>
    </Card>
  );
}
