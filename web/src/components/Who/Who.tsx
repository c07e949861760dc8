import { pageAddress } from "../../app/view";
import { initials, personName } from "../../format/names";
import "./Who.css";

/** Somebody, as a link to their life; a hint tells apart two of one name. */
export function Who({ id, name, hint }: { id: string; name: string | null | undefined; hint?: string | null }) {
  return (
    <a class="who" href={pageAddress(["people", id])}>
      <span class="avatar small-avatar" aria-hidden="true">{initials(name)}</span>
      <span class="who-words">
        <span class="who-name cut">{personName(name, id)}</span>
        {hint && <span class="faint micro cut" title={hint}>{hint}</span>}
      </span>
    </a>
  );
}
