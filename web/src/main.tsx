// First, so that the styles of components come after the general ones.
import "./styles/tokens.css";
import "./styles/base.css";
import { render } from "preact";
import { loadSession, sessionState, watchSession } from "./api/session";
import { loadAbilities } from "./api/abilities";
import { followLive } from "./api/live";
import { App } from "./app/App";
import { listenToKeys } from "./app/keys";
import { applyPreferences } from "./app/preferences";
import { listenToAddress, shared } from "./app/router";
import { site } from "./app/view";

// Relative as it came, the icon would be looked for elsewhere as soon as the address changes.
const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
if (icon) icon.setAttribute("href", icon.href);

applyPreferences();
listenToAddress();
listenToKeys();
if (!shared) {
  watchSession();
  followLive(() => (sessionState.value.is === "in" ? (site.value?.id ?? null) : null));
  void loadSession();
}
void loadAbilities();
render(<App />, document.getElementById("app")!);
