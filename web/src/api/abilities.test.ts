import { expect, it } from "vitest";
import { abilitiesOf } from "./abilities";

it("offers only what the server describes, whatever it calls its parameters", () => {
  const old = abilitiesOf({ paths: { "/v1/sites/{site}/kpis": { get: { parameters: [{ name: "from" }] } }, "/v1/sites/{site}/actors/{id}": { get: {} } } });
  expect(old).toMatchObject({ trend: false, people: false, search: false, live: false });
  const fresh = abilitiesOf({
    paths: {
      "/v1/sites/{site}/kpis": { get: { parameters: [{ name: "trend" }] } },
      "/v1/sites/{site}/actors": { get: {}, post: {} },
      "/v1/sites/{site}/live": { get: {} },
    },
  });
  expect(fresh).toMatchObject({ trend: true, people: true, search: true, live: true });
});
