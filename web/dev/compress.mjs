// Writes a compressed twin beside each file that gains by it; the server sends the one a browser takes.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const GAINS = /\.(html|js|css|svg|json)$/;

for (const folder of [dist, `${dist}assets/`]) {
  for (const name of readdirSync(folder).filter((each) => GAINS.test(each))) {
    const bytes = readFileSync(folder + name);
    writeFileSync(`${folder}${name}.gz`, gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
  }
}
