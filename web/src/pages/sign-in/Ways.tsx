import { useEffect, useState } from "preact/hooks";
import { askSignInWays, oidcAddress, type SignInWays } from "../../api/session";
import { t } from "../../text";
import { LinkButton } from "../../components/Button/Button";

/** What an Etappe offers that does not say. */
const PASSWORD_ONLY: SignInWays = { password: true, oidc: null };

/** Null until it is known, so that nothing jumps under a cursor. */
export function useSignInWays(): SignInWays {
  const [ways, setWays] = useState<SignInWays>(PASSWORD_ONLY);
  useEffect(() => {
    askSignInWays().then(setWays, () => setWays(PASSWORD_ONLY));
  }, []);
  return ways;
}

/** Signing in with the account of somebody else's house; it comes back to where the reader was. */
export function OtherWay({ ways, back }: { ways: SignInWays; back: string | null }) {
  if (!ways.oidc) return null;
  return (
    <>
      {ways.password && <p class="sign-or" aria-hidden="true"><span>{t("sign-in.or")}</span></p>}
      <LinkButton look={ways.password ? "second" : "first"} href={oidcAddress(back)}>{t("sign-in.with", { name: ways.oidc.name })}</LinkButton>
    </>
  );
}
