import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const CLIENT = { id: "etappe", secret: "kamerplant" };

/** An OpenID Connect provider; its pages are of another site than Etappe's. */
export interface IdentityProvider {
  issuer: string;
  /** Who the person says they are. */
  email: string;
  stop: () => void;
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

interface Grant {
  nonce: string;
  challenge: string;
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of message) text += String(part);
  return text;
}

/** Shows a page on which the person agrees or not, as providers do; each answers with a redirect. */
function agree(asked: URLSearchParams, code: string, response: ServerResponse): void {
  const to = (answer: Record<string, string>) => {
    const url = new URL(asked.get("redirect_uri")!);
    for (const [name, value] of Object.entries({ ...answer, state: asked.get("state")! })) url.searchParams.set(name, value);
    return `/go?to=${encodeURIComponent(url.href)}`;
  };
  const page = `<!doctype html><html lang="en"><title>Provider</title><link rel="icon" href="data:,"><h1>Provider</h1><a href="${to({ code })}">Continue</a> <a href="${to({ error: "access_denied" })}">Cancel</a></html>`;
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
}

export async function provider(email: string): Promise<IdentityProvider> {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const grants = new Map<string, Grant>();
  const told: IdentityProvider = { issuer: "", email, stop: () => {} };
  const token = (grant: Grant) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: told.issuer, aud: CLIENT.id, sub: "1", iat: now, exp: now + 60, nonce: grant.nonce, email: told.email, email_verified: true };
    const text = `${encode({ alg: "ES256", kid: "1" })}.${encode(claims)}`;
    return `${text}.${sign("sha256", Buffer.from(text), { key: keys.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  };
  const exchange = async (message: IncomingMessage): Promise<[number, object]> => {
    const asked = new URLSearchParams(await textOf(message));
    const grant = grants.get(asked.get("code") ?? "");
    grants.delete(asked.get("code") ?? "");
    const login = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString("base64")}`;
    const proof = createHash("sha256").update(asked.get("code_verifier") ?? "").digest("base64url");
    if (!grant || grant.challenge !== proof || message.headers.authorization !== login) return [400, { error: "invalid_grant" }];
    return [200, { access_token: "unused", token_type: "Bearer", id_token: token(grant) }];
  };
  const server = createServer(async (message, response) => {
    const { pathname, searchParams } = new URL(message.url!, told.issuer);
    const json = (status: number, value: object) => void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (pathname === "/.well-known/openid-configuration") {
      const at = (path: string) => `${told.issuer}${path}`;
      return json(200, { issuer: told.issuer, authorization_endpoint: at("/authorize"), token_endpoint: at("/token"), jwks_uri: at("/keys"), response_types_supported: ["code"], subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["ES256"] });
    }
    if (pathname === "/keys") return json(200, { keys: [{ ...keys.publicKey.export({ format: "jwk" }), kid: "1", use: "sig", alg: "ES256" }] });
    if (pathname === "/authorize") {
      const code = `code${grants.size}`;
      grants.set(code, { nonce: searchParams.get("nonce")!, challenge: searchParams.get("code_challenge")! });
      return agree(searchParams, code, response);
    }
    if (pathname === "/token") return json(...(await exchange(message)));
    if (pathname === "/go") return void response.writeHead(302, { location: searchParams.get("to")! }).end();
    response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  // Another site than 127.0.0.1, where Etappe is.
  told.issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  told.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return told;
}
