import type { ComponentChildren } from "preact";
import { abilities } from "../api/abilities";
import { liveConnected, peopleNow } from "../api/live";
import { sessionState, signOut } from "../api/session";
import { Icon, Logo } from "../components/Icon/Icon";
import { Popover } from "../components/Popover/Popover";
import { PracticeLabel } from "../components/Practice/Practice";
import { SitePicker } from "../components/SitePicker/SitePicker";
import { counted } from "../format/words";
import { t } from "../text";
import { overlay } from "./keys";
import { notUnderstood } from "./not-understood";
import { ON_THE_BAR, PAGES, type PageEntry } from "./pages";
import { isDark, language, setLanguage, setTheme } from "./preferences";
import { address } from "./router";
import { pageAddress, site } from "./view";
import "./Frame.css";

function shownPages(): PageEntry[] {
  return site.value ? PAGES.filter((page) => page.for(site.value!)) : [];
}

function isCurrent(page: PageEntry): "page" | undefined {
  return address.value.path[1] === page.id ? "page" : undefined;
}

function MenuLink({ page }: { page: PageEntry }) {
  const waiting = page.id === "events" ? notUnderstood.value : 0;
  return (
    <a href={pageAddress([page.id])} aria-current={isCurrent(page)}>
      <Icon name={page.icon} />
      {t(`menu.${page.id}`)}
      {waiting > 0 && (
        <b>
          {waiting > 99 ? "99+" : waiting}
          <span class="vh"> ({counted("menu.not-understood", waiting)})</span>
        </b>
      )}
    </a>
  );
}

function Menu() {
  const pages = shownPages();
  return (
    <nav class="menu" aria-label={t("menu.main")}>
      {pages.map((page, index) => (
        <>
          {index > 0 && pages[index - 1].group !== page.group && <hr />}
          <MenuLink key={page.id} page={page} />
        </>
      ))}
    </nav>
  );
}

/** Not while the stream is cut: the number would be an old one. */
export function PeopleNow({ long }: { long?: boolean }) {
  if (!abilities.value.live || peopleNow.value === null || !liveConnected.value) return null;
  return (
    <span class="now" title={t("live.people.what")}>
      <span class="live-dot" />
      {counted(long ? "live.people.site" : "live.people", peopleNow.value)}
    </span>
  );
}

export function LanguageButton() {
  return (
    <button type="button" class="foot-button" lang={language.value === "en" ? "nl" : "en"} onClick={() => setLanguage(language.value === "en" ? "nl" : "en")} title={t("menu.language.switch")}>
      <Icon name="globe" size={14} />
      {t("menu.language")}
    </button>
  );
}

export function ThemeButton() {
  const label = t(isDark() ? "menu.theme.light" : "menu.theme.dark");
  return (
    <button type="button" class="foot-icon" aria-label={label} title={label} onClick={() => setTheme(isDark() ? "light" : "dark")}>
      <Icon name={isDark() ? "moon" : "sun"} size={14} />
    </button>
  );
}

function Account() {
  if (sessionState.value.is !== "in") return null;
  const { user } = sessionState.value.session;
  return (
    <Popover title={t("menu.account")} role="menu" buttonClass="foot-button" width={220} button={<><Icon name="person" size={14} /><span class="cut">{user.name}</span></>}>
      {(close) => (
        <div class="options">
          <p class="account-mail micro faint cut" title={user.email}>{user.email}</p>
          {site.value && (
            <a role="menuitem" class="option" href={pageAddress(["setup", "you"])} onClick={close}>
              <Icon name="key" size={14} />
              {t("menu.account")}
            </a>
          )}
          <button type="button" role="menuitem" class="option" onClick={() => (close(), void signOut())}>
            <Icon name="out" size={14} />
            {t("menu.sign-out")}
          </button>
        </div>
      )}
    </Popover>
  );
}

function Foot() {
  return (
    <div class="side-foot">
      <PeopleNow />
      <button type="button" class="foot-button" onClick={() => (overlay.value = "palette")}>
        <Icon name="search" size={14} />
        {t("menu.search")}
        <span class="kbd" aria-hidden="true">Ctrl K</span>
      </button>
      <div class="foot-row">
        <LanguageButton />
        <ThemeButton />
      </div>
      <Account />
    </div>
  );
}

function BottomBar() {
  const pages = shownPages();
  const rest = pages.filter((page) => !ON_THE_BAR.includes(page.id));
  const restIsOpen = rest.some((page) => isCurrent(page));
  return (
    <nav class="bar-below" aria-label={t("menu.main")}>
      {pages.filter((page) => ON_THE_BAR.includes(page.id)).map((page) => (
        <a key={page.id} href={pageAddress([page.id])} aria-current={isCurrent(page)}>
          <Icon name={page.icon} size={20} weight={1.5} />
          {t(`menu.${page.id}`)}
        </a>
      ))}
      <Popover title={t("menu.more")} role="menu" buttonClass={restIsOpen ? "bar-more on" : "bar-more"} width={240} align="end" button={<><Icon name="more" size={20} weight={1.5} />{t("menu.more")}</>}>
        {(close) => (
          <div class="options">
            {rest.map((page) => (
              <a key={page.id} role="menuitem" class="option" href={pageAddress([page.id])} onClick={close} aria-current={isCurrent(page)}>
                <Icon name={page.icon} />
                {t(`menu.${page.id}`)}
              </a>
            ))}
            <hr class="options-line" />
            <button type="button" role="menuitem" class="option" onClick={() => (close(), setLanguage(language.value === "en" ? "nl" : "en"))}>
              <Icon name="globe" />
              {t("menu.language")}
            </button>
            <button type="button" role="menuitem" class="option" onClick={() => (close(), setTheme(isDark() ? "light" : "dark"))}>
              <Icon name={isDark() ? "sun" : "moon"} />
              {t(isDark() ? "menu.theme.light" : "menu.theme.dark")}
            </button>
            <button type="button" role="menuitem" class="option" onClick={() => (close(), void signOut())}>
              <Icon name="out" />
              {t("menu.sign-out")}
            </button>
          </div>
        )}
      </Popover>
    </nav>
  );
}

/** Menu at the left, or bars above and below on a phone; the page; and beside it a panel where one is open. */
export function Frame({ children, panel }: { children: ComponentChildren; panel?: ComponentChildren }) {
  return (
    <div class={panel ? "frame with-panel" : "frame"}>
      <a class="skip" href="#page" onClick={(event) => (event.preventDefault(), document.getElementById("page")?.focus())}>{t("app.skip")}</a>
      <aside class="side">
        <div class="brand"><Logo />{t("app.name")}</div>
        <div class="side-site"><SitePicker /><PracticeLabel /></div>
        <Menu />
        <Foot />
      </aside>
      <header class="top-bar">
        <Logo />
        <div class="top-site"><SitePicker /><PracticeLabel /></div>
        <button type="button" class="ctl icon-only ghost" aria-label={t("menu.search")} onClick={() => (overlay.value = "palette")}>
          <Icon name="search" size={18} />
        </button>
      </header>
      <main id="page" tabIndex={-1}>
        <div class="wrap">
          {children}
        </div>
      </main>
      {panel}
      <BottomBar />
    </div>
  );
}
