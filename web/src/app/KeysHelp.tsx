import type { ComponentChildren } from "preact";
import { Icon } from "../components/Icon/Icon";
import { t } from "../text";
import { overlay } from "./keys";
import { Overlay } from "./Overlay";
import { PAGES } from "./pages";

const Key = ({ children }: { children: ComponentChildren }) => <kbd class="kbd">{children}</kbd>;

export function KeysHelp() {
  const then = <span>{t("keys.then")}</span>;
  const rows: [string, ComponentChildren][] = [
    [t("keys.palette"), <><Key>Ctrl</Key><Key>K</Key></>],
    ...PAGES.map((page): [string, ComponentChildren] => [t(`menu.${page.id}`), <><Key>g</Key>{then}<Key>{page.key}</Key></>]),
    [t("keys.periods"), <><Key>1</Key>–<Key>6</Key></>],
    [t("keys.compare"), <Key>x</Key>],
    [t("keys.events"), <><Key>j</Key><Key>k</Key></>],
    [t("keys.theme"), <Key>d</Key>],
    [t("keys.language"), <Key>l</Key>],
    [t("keys.close"), <Key>Esc</Key>],
    [t("keys.help"), <Key>?</Key>],
  ];
  return (
    <Overlay title={t("keys.title")}>
      <div class="keys-head">
        <h2>{t("keys.title")}</h2>
        <button type="button" aria-label={t("close")} onClick={() => (overlay.value = null)}>
          <Icon name="close" />
        </button>
      </div>
      <dl class="keys-list">
        {rows.map(([name, keys]) => (
          <>
            <dt>{name}</dt>
            <dd>{keys}</dd>
          </>
        ))}
      </dl>
    </Overlay>
  );
}
