// Checks a Grafana board against the types that Grafana publishes: the board as a whole, and the options
// and field settings of each panel by its kind. Types are made JSON schemas, so that a name that does
// not exist and a value that is none of an enumeration are found.
//
// usage: node check.mjs FOLDER-WITH-NODE_MODULES BOARD.json…
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, ...files] = process.argv.slice(2);
const require = createRequire(join(folder, "package.json"));
const { createGenerator } = require("ts-json-schema-generator");
const Ajv = require("ajv");
const types = join(folder, "node_modules/@grafana/schema/dist/types/raw");

const validators = new Map();
/** Returns what is wrong with `value` as a `type` of the file `path`. */
function problems(path, type, value) {
  const key = `${path} ${type}`;
  if (!validators.has(key)) {
    const file = join(types, path, "x/types.gen.d.ts");
    const config = { path: file, type, skipTypeCheck: true, additionalProperties: false };
    const schema = createGenerator(config).createSchema(type);
    const ajv = new Ajv({ allErrors: true, strict: false });
    validators.set(key, ajv.compile(schema));
  }
  const validate = validators.get(key);
  return validate(value) ? [] : validate.errors.map(describe);
}

function describe(error) {
  const more = error.params.additionalProperty ?? error.params.allowedValues?.join(", ") ?? "";
  return `${error.instancePath || "/"} ${error.message} ${more}`.trim();
}

/** Returns the panels, also those inside rows. */
function panels(board) {
  return board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
}

/** Options have no defaults in the types, but Grafana fills them in; so only what is there is checked. */
function partial(found) {
  return found.filter((problem) => !problem.includes("must have required property"));
}

function checkPanel(panel) {
  if (panel.type === "row") return [];
  const path = `composable/${panel.type}/panelcfg`;
  if (!existsSync(join(types, path))) return [`unknown panel type ${panel.type}`];
  const found = partial(problems(path, "Options", panel.options ?? {}));
  const source = readFileSync(join(types, path, "x/types.gen.d.ts"), "utf8");
  const custom = panel.fieldConfig?.defaults?.custom;
  if (custom !== undefined) {
    if (/export (interface|type) FieldConfig\b/.test(source)) {
      found.push(...partial(problems(path, "FieldConfig", custom)));
    } else {
      found.push(`a ${panel.type} panel has no custom field settings`);
    }
  }
  return found;
}

/** Returns what the types cannot say: ids and places are unique, variables and data sources exist. */
function checkWhole(board) {
  const found = [];
  const ids = panels(board).map((panel) => panel.id);
  if (new Set(ids).size !== ids.length) found.push("two panels have the same id");
  const taken = new Map();
  for (const panel of panels(board)) {
    const { x, y, w, h } = panel.gridPos;
    if (x + w > 24) found.push(`panel ${panel.title} is wider than the board`);
    for (let row = y; row < y + h; row += 1)
      for (let column = x; column < x + w; column += 1) {
        const cell = `${column},${row}`;
        if (taken.has(cell)) found.push(`panels ${taken.get(cell)} and ${panel.title} overlap`);
        taken.set(cell, panel.title);
      }
  }
  const variables = new Set(board.templating.list.map((variable) => variable.name));
  const text = JSON.stringify({ panels: board.panels, variables: board.templating.list });
  for (const [, braced, bare] of text.matchAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g)) {
    const name = braced ?? bare;
    if (!name.startsWith("__") && !variables.has(name)) found.push(`no variable is called ${name}`);
  }
  return [...new Set(found)];
}

let failed = false;
for (const file of files) {
  const board = JSON.parse(readFileSync(file, "utf8"));
  const found = [
    ...problems("dashboard", "Dashboard", board),
    ...checkWhole(board),
    ...panels(board).flatMap((panel) => checkPanel(panel).map((p) => `panel "${panel.title}": ${p}`)),
  ];
  for (const problem of found) console.error(`${file}: ${problem}`);
  failed ||= found.length > 0;
  if (found.length === 0) console.log(`${file}: ${panels(board).length} panels are as Grafana wants them`);
}
process.exit(failed ? 1 : 0);
