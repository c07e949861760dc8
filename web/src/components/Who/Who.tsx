import { pageAddress } from "../../app/view";
import { initials, personName } from "../../format/names";
import "./Who.css";

/** Somebody, as a link to their life. */
export function Who({ id, name }: { id: string; name: string | null | undefined }) {
  return (
    <a class="who" href={pageAddress(["people", id])}>
      <span class="avatar small-avatar" aria-hidden="true">{initials(name)}</span>
      <span class="who-name cut">{personName(name, id)}</span>
    </a>
  );
}
