import { useEffect } from "preact/hooks";
import { abilitiesKnown } from "../api/abilities";
import type { Problem } from "../api/problem";
import { loadSession, sessionState } from "../api/session";
import { Button, LinkButton } from "../components/Button/Button";
import { Head } from "../components/Head/Head";
import { Logo } from "../components/Icon/Icon";
import { Empty, Failed, Skeleton } from "../components/States/States";
import { ShareDialog } from "../components/ShareDialog/ShareDialog";
import { Toasts } from "../components/Toasts/Toasts";
import { Journey } from "../pages/journey/Journey";
import { JourneyPanel } from "../pages/journey/JourneyPanel";
import { SignIn } from "../pages/sign-in/SignIn";
import { Today } from "../pages/today/Today";
import { Welcome } from "../pages/welcome/Welcome";
import { parsePeriod } from "../model/period";
import { hasText, t } from "../text";
import { Frame } from "./Frame";
import { overlay } from "./keys";
import { KeysHelp } from "./KeysHelp";
import { loadedModels, loadModels, model, modelId, modelName, models } from "./models";
import { Events, People, Person, Referral, Revenue, Setup, SharedPage } from "./lazy-pages";
import { countNotUnderstood } from "./not-understood";
import { Palette } from "./Palette";
import { language } from "./preferences";
import { address, go, setParams, shared, toAddress } from "./router";
import { toast } from "./toasts";
import { KNOWN_PARAMS, pageAddress, param, site, sites, today } from "./view";

/** Parts of the address that mean nothing are left out, and said. */
function useCleanAddress(): void {
  const names = [...new Set([...address.value.query.keys()].filter((name) => !KNOWN_PARAMS.includes(name)))];
  const wrongPeriod = parsePeriod(param("p"), today.value) ? null : param("p");
  useEffect(() => {
    if (!site.value || (!names.length && !wrongPeriod)) return;
    if (names.length) toast(t("ignored", { names: names.join(", ") }));
    if (wrongPeriod) toast(t("ignored.period", { value: wrongPeriod }));
    setParams({ ...Object.fromEntries(names.map((name) => [name, null])), ...(wrongPeriod ? { p: null } : {}) }, { replace: true });
  }, [names.join(), wrongPeriod]);
}

function UnknownModel() {
  const nearest = models.value.find((each) => each.id.startsWith(modelId.value.slice(0, 3))) ?? models.value[0];
  return (
    <>
      <Head title={t("model.unknown", { name: modelId.value })} />
      {nearest && <Button look="second" onClick={() => setParams({ m: nearest.id })}>{t("model.nearest", { name: modelName(nearest, language.value) })}</Button>}
    </>
  );
}

function UnknownPage() {
  return (
    <>
      <Head title={t("state.page.unknown")} />
      <LinkButton look="second" href={pageAddress(["today"])}>{t("state.page.today")}</LinkButton>
    </>
  );
}

/** The page's name stays, so that the reader knows where they are. */
function NoModels({ page, problem }: { page: string; problem: Problem }) {
  const again = () => void loadModels(site.value!.id);
  useEffect(() => {
    const timer = setTimeout(again, (problem.retryAfter ?? 10) * 1000);
    return () => clearTimeout(timer);
  }, [problem]);
  const key = `menu.${page}`;
  return (
    <>
      <Head title={hasText(key) ? t(key) : t("app.name")} />
      <Failed problem={problem} again={again} />
    </>
  );
}

const NEEDS_MODEL = ["today", "journey", "people", "events", "setup"];

function Page() {
  const [, page, ...rest] = address.value.path;
  if (NEEDS_MODEL.includes(page)) {
    if (!loadedModels.value || !abilitiesKnown.value) return <Skeleton lines={6} />;
    if (loadedModels.value.problem) return <NoModels page={page} problem={loadedModels.value.problem} />;
    if (!model.value) return <UnknownModel />;
  }
  switch (page) {
    case "today":
      return <Today />;
    case "journey":
      return <Journey />;
    case "referral":
      return <Referral />;
    case "revenue":
      return <Revenue />;
    case "people":
      return rest[0] ? <Person key={rest[0]} id={rest[0]} /> : <People />;
    case "events":
      return <Events />;
    case "setup":
      return <Setup />;
    default:
      return <UnknownPage />;
  }
}

function SitePage() {
  const id = site.value!.id;
  useCleanAddress();
  useEffect(() => {
    loadedModels.value = null;
    void loadModels(id);
    void countNotUnderstood(id);
  }, [id]);
  const panel = address.value.path[1] === "journey" && param("step") && model.value ? <JourneyPanel /> : undefined;
  return (
    <Frame panel={panel}>
      <Page />
    </Frame>
  );
}

function NoSite() {
  const wanted = address.value.path[0];
  const first = sites.value[0];
  useEffect(() => {
    if (!wanted && first) go(toAddress([first.id, "today"]), { replace: true });
  }, [wanted, first?.id]);
  if (!wanted && first) return null;
  return (
    <div class="alone">
      <Empty
        title={first ? t("state.site.unknown", { name: wanted }) : t("state.site.none")}
        action={first && <LinkButton look="second" href={toAddress([first.id, "today"])}>{t("state.site.open", { name: first.name })}</LinkButton>}
      />
    </div>
  );
}

function SignedIn() {
  const [first, second] = address.value.path;
  const away = first === "sign-in" || first === "welcome";
  // Of this address: when the effect runs, another page may have changed it already.
  const noPage = !!site.value && !second;
  useEffect(() => {
    // Back to where the reader was sent away from; only ever inside the app.
    const back = param("back");
    if (away) go(back?.startsWith("/") && !back.startsWith("//") ? back : toAddress([]), { replace: true });
    else if (noPage) go(toAddress([first, "today"]), { replace: true });
  }, [away, first, noPage]);
  if (away || noPage) return null;
  return site.value ? <SitePage /> : <NoSite />;
}

function Gate() {
  const state = sessionState.value;
  switch (state.is) {
    case "loading":
      return <div class="alone" role="status" aria-label={t("state.loading")}><Logo size={28} /></div>;
    case "failed":
      return <div class="alone"><Failed problem={state.problem} again={() => void loadSession()} /></div>;
    case "first":
      return <Welcome />;
    case "out":
      return address.value.path[0] === "welcome" ? <Welcome /> : <SignIn />;
    case "in":
      return <SignedIn />;
  }
}

export function App() {
  return (
    <>
      {shared ? <SharedPage /> : <Gate />}
      {overlay.value === "palette" && <Palette />}
      {overlay.value === "keys" && <KeysHelp />}
      {overlay.value === "share" && site.value && <ShareDialog />}
      <Toasts />
    </>
  );
}
