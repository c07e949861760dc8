import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const BINARY = resolve(process.env.ETAPPE_BIN ?? fileURLToPath(new URL("../../target/release/etappe", import.meta.url)));

const START_MS = 90_000;
const STOP_MS = 20_000;

/** What `up --json` prints once it is ready. */
export interface Greeting {
  listen: string;
  site: string;
  write_key: string;
  read_token: string;
  welcome: string;
}

/** A running Etappe of this run alone. */
export class Etappe {
  private constructor(
    readonly data: string,
    readonly greeting: Greeting,
    private readonly child: ChildProcess,
    private readonly log: () => string,
  ) {}

  get address(): string {
    return `http://${this.greeting.listen}`;
  }

  /** Settings are variables of the process; the address is free unless it is given. */
  static async start(data: string, settings: Record<string, string> = {}, listen = "127.0.0.1:0"): Promise<Etappe> {
    if (!existsSync(BINARY)) throw new Error(`There is no ${BINARY}: build it with "make build", or name another in ETAPPE_BIN.`);
    const library = process.env.ETAPPE_ENGINE_LIBRARY || (await run(BINARY, ["engine", "--fetch"])).stdout.trim();
    const flags = ["up", "--data", data, "--listen", listen, "--admin", "127.0.0.1:0", "--json"];
    const child = spawn(BINARY, flags, { env: { ...process.env, ...settings, ETAPPE_ENGINE_LIBRARY: library }, stdio: ["ignore", "pipe", "pipe"] });
    process.once("exit", () => child.kill("SIGKILL"));
    let log = "";
    child.stderr.on("data", (part: Buffer) => (log = (log + part.toString()).slice(-20_000)));
    try {
      const greeting = JSON.parse(await firstLine(child)) as Greeting;
      return new Etappe(data, greeting, child, () => log);
    } catch (error) {
      child.kill("SIGKILL");
      throw new Error(`Etappe did not start: ${String(error)}\n${log}`);
    }
  }

  /** The last lines that it logged, for a failure to show. */
  lastWords(): string {
    return this.log().trim().split("\n").slice(-20).join("\n");
  }

  async command(...words: string[]): Promise<string> {
    try {
      return (await run(BINARY, [...words, "--data", this.data])).stdout;
    } catch (error) {
      throw new Error(`etappe ${words.join(" ")} failed: ${(error as { stderr?: string }).stderr ?? String(error)}`);
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = new Promise<void>((done) => this.child.once("exit", () => done()));
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(timer);
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    let text = "";
    const timer = setTimeout(() => fail(new Error(`nothing said within ${START_MS / 1000} s`)), START_MS);
    child.stdout!.on("data", (part: Buffer) => {
      text += part.toString();
      const end = text.indexOf("\n");
      if (end < 0) return;
      clearTimeout(timer);
      done(text.slice(0, end));
    });
    child.once("error", fail);
    child.once("exit", (code) => fail(new Error(`it ended with ${code}`)));
  });
}
