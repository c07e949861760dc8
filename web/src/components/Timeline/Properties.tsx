import { t } from "../../text";

function written(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What came with an event, as a line of its details; none where nothing did. */
export function Properties({ of }: { of: Record<string, unknown> | null }) {
  const properties = Object.entries(of ?? {});
  if (!properties.length) return null;
  return (
    <>
      <dt>{t("person.why.properties")}</dt>
      <dd>
        {properties.map(([key, value]) => (
          <span key={key} class="why-property"><code>{key}</code> {written(value)}</span>
        ))}
      </dd>
    </>
  );
}
