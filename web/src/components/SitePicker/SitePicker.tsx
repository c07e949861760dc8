import { address, toAddress } from "../../app/router";
import { site, sites } from "../../app/view";
import { t } from "../../text";
import { Icon } from "../Icon/Icon";
import { Popover } from "../Popover/Popover";
import "./SitePicker.css";

function Mark({ name }: { name: string }) {
  return <i class="site-mark" aria-hidden="true">{name.slice(0, 1).toUpperCase()}</i>;
}

/** The same page of another site, with the same period. */
function sameOn(id: string): string {
  const page = address.value.path[1] ?? "today";
  return toAddress([id, page === "people" ? "people" : page], { p: address.value.query.get("p"), c: address.value.query.get("c") });
}

export function SitePicker() {
  const now = site.value;
  const name = now?.name ?? t("menu.site.choose");
  if (sites.value.length === 1 && now) {
    return (
      <div class="site-button alone">
        <Mark name={name} />
        <span class="cut">{name}</span>
      </div>
    );
  }
  return (
    <Popover title={t("menu.site.choose")} role="menu" buttonClass="site-button" width={260} button={<><Mark name={name} /><span class="cut">{name}</span><Icon name="down" size={14} /></>}>
      {(close) => (
        <div class="options">
          {sites.value.map((each) => (
            <a key={each.id} role="menuitem" class="option" href={sameOn(each.id)} onClick={close} aria-current={each.id === now?.id || undefined}>
              {each.id === now?.id ? <Icon name="check" size={14} weight={2} /> : <span />}
              <span class="cut">{each.name}</span>
            </a>
          ))}
        </div>
      )}
    </Popover>
  );
}
