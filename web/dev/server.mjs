// Serves the built interface under the policy that Etappe sends, and stands in for the cookie session: calls to the
// API get the read token as a header. For working on the interface only.
//
//   ETAPPE_READ_TOKEN=er_… node dev/server.mjs [--etappe http://127.0.0.1:7070] [--listen 18100] [--prefix /stats]
//                                              [--site demo] [--name "My shop"] [--signed-out | --first]
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer, request } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "font-src 'self'", "img-src 'self' data:",
  "connect-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
].join("; ");
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".woff2": "font/woff2", ".svg": "image/svg+xml" };

function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
}

const ETAPPE = new URL(option("etappe", "http://127.0.0.1:7070"));
const PREFIX = option("prefix", "");
const SITE = option("site", "demo");
const NAME = option("name", "Wielewaal");
const TOKEN = process.env.ETAPPE_READ_TOKEN ?? "";
const ROLE = option("role", "admin");
let state = process.argv.includes("--first") ? "first" : process.argv.includes("--signed-out") ? "out" : "in";
let failures = 0;

const session = () => ({
  user: { id: "u1", name: "Anna Bakker", email: "anna@example.test", role_everywhere: ROLE === "admin" ? "admin" : null },
  sites: [{ id: SITE, name: NAME, role: ROLE, timezone: option("zone", "Europe/Amsterdam"), currency: "EUR", practice: process.argv.includes("--practice") }],
  csrf: "development",
});

function send(response, status, body, headers = {}) {
  response.writeHead(status, { "Content-Type": status >= 400 ? "application/problem+json" : "application/json", ...headers });
  response.end(body === undefined ? "" : JSON.stringify(body));
}

const problem = (status, kind) => ({ type: `urn:etappe:problem:${kind}`, title: kind, status, detail: kind });

async function bodyOf(message) {
  let text = "";
  for await (const part of message) text += part;
  return text ? JSON.parse(text) : {};
}

async function answerSession(message, response, path) {
  const { method } = message;
  if (path === "first-account" && method === "POST") {
    state = "in";
    return send(response, 200, session());
  }
  if (path === "password" && method === "POST") {
    const { current } = await bodyOf(message);
    return current === "wrong" ? send(response, 401, problem(401, "wrong-password")) : send(response, 204);
  }
  if (path !== "session") return send(response, 404, problem(404, "not-found"));
  if (method === "DELETE") state = "out";
  if (method === "POST") {
    const { password } = await bodyOf(message);
    if (password === "wrong") {
      failures += 1;
      return failures > 3 ? send(response, 429, problem(429, "throttled"), { "Retry-After": "30" }) : send(response, 401, problem(401, "wrong"));
    }
    state = "in";
  }
  if (state === "first") return send(response, 403, problem(403, "first-account-needed"));
  if (state === "out") return method === "DELETE" ? send(response, 204) : send(response, 401, problem(401, "not-signed-in"));
  return send(response, 200, session());
}

function pass(message, response, path) {
  const headers = { ...message.headers, host: ETAPPE.host, authorization: `Bearer ${TOKEN}` };
  const upstream = request(new URL(path, ETAPPE), { method: message.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  upstream.on("error", () => send(response, 503, problem(503, "unavailable"), { "Retry-After": "5" }));
  message.pipe(upstream);
}

/** The page says `./assets/`; how many steps up that is depends on how deep its address lies below `/app/`. */
function page(response, path, below) {
  const depth = path.split("/").length - 3; // of /app/{site}/today: one step up
  const up = below ?? (depth > 0 ? "../".repeat(depth) : "./");
  const html = readFileSync(join(DIST, "index.html"), "utf8").replaceAll("./assets/", `${up}assets/`);
  response.writeHead(200, { "Content-Type": TYPES[".html"], "Content-Security-Policy": POLICY, "Cache-Control": "no-cache" });
  response.end(html);
}

function asset(message, response, path) {
  const file = join(DIST, "assets", normalize(path.slice("/app/assets/".length)));
  if (!file.startsWith(DIST) || !existsSync(file) || !statSync(file).isFile()) return send(response, 404, problem(404, "not-found"));
  const headers = { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", "Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": POLICY };
  if ([".js", ".css", ".svg"].includes(extname(file)) && message.headers["accept-encoding"]?.includes("gzip")) {
    response.writeHead(200, { ...headers, "Content-Encoding": "gzip" });
    return response.end(gzipSync(readFileSync(file)));
  }
  response.writeHead(200, headers);
  createReadStream(file).pipe(response);
}

createServer((message, response) => {
  if (!message.url.startsWith(`${PREFIX}/`)) return send(response, 404, problem(404, "not-found"));
  const whole = message.url.slice(PREFIX.length);
  const path = whole.split("?")[0];
  if (path.startsWith("/app/api/")) return void answerSession(message, response, path.slice("/app/api/".length));
  if (path.startsWith("/v1/") || path === "/openapi.json") return pass(message, response, whole);
  if (path.startsWith("/app/assets/")) return asset(message, response, path);
  if (path === "/" || path === "/app") {
    response.writeHead(302, { Location: `${PREFIX}/app/` });
    return response.end();
  }
  if (path.startsWith("/app/")) return page(response, path);
  if (/^\/(share|embed)\/[^/]+$/.test(path)) return page(response, path, "../app/");
  return send(response, 404, problem(404, "not-found"));
}).listen(Number(option("listen", "18100")), "127.0.0.1", function () {
  console.log(`http://127.0.0.1:${this.address().port}${PREFIX}/app/`);
});
