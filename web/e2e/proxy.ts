import { existsSync, readFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

export interface Proxy {
  address: string;
  stop: () => void;
}

type Answer = (message: IncomingMessage, response: ServerResponse) => void;

async function listen(answer: Answer): Promise<Proxy> {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { address: `http://127.0.0.1:${port}`, stop };
}

function pass(to: URL, path: string, message: IncomingMessage, response: ServerResponse): void {
  const upstream = request({ host: to.hostname, port: to.port, path, method: message.method, headers: message.headers }, (answer) => {
    response.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(response);
  });
  upstream.on("error", () => response.headersSent || response.writeHead(502).end());
  response.on("close", () => upstream.destroy());
  message.pipe(upstream);
}

/** A proxy that has a prefix of its own and takes it off, as many do; nobody tells Etappe of it. */
export function takesOff(prefix: string, to: URL): Promise<Proxy> {
  return listen((message, response) => {
    if (!message.url!.startsWith(`${prefix}/`)) return void response.writeHead(404).end("not below the prefix");
    pass(to, message.url!.slice(prefix.length), message, response);
  });
}

const TYPES: Record<string, string> = { ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml" };

/** The page of the interface; its files are so many steps up. */
function page(dist: string, to: URL, path: string, up: string, response: ServerResponse): void {
  request({ host: to.hostname, port: to.port, path }, (answer) => {
    answer.resume();
    const html = readFileSync(join(dist, "index.html"), "utf8").replaceAll("./assets/", `${up}assets/`);
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": String(answer.headers["content-security-policy"]) }).end(html);
  }).end();
}

/** Shows the interface of a folder in place of the one in the binary, under the binary's own policy. */
export function showing(dist: string, to: URL): Promise<Proxy> {
  return listen((message, response) => {
    const path = message.url!.split("?")[0];
    if (/^\/(share|embed)\/[^/]+$/.test(path)) return page(dist, to, "/app/", "../app/", response);
    if (!path.startsWith("/app/") || path.startsWith("/app/api/")) return pass(to, message.url!, message, response);
    if (path.startsWith("/app/assets/")) {
      const file = join(dist, normalize(path.slice("/app/".length)));
      if (!existsSync(file)) return void response.writeHead(404).end();
      return void response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(readFileSync(file));
    }
    const up = "../".repeat(path.slice("/app/".length).split("/").length - 1);
    page(dist, to, path, up || "./", response);
  });
}
