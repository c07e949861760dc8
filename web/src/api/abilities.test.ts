import { expect, it } from "vitest";
import { abilitiesOf } from "./abilities";

it("offers only what the server describes, whatever it calls its parameters", () => {
  const old = abilitiesOf({ paths: { "/v1/sites/{site}/kpis": { get: { parameters: [{ name: "from" }] } }, "/v1/sites/{site}/actors/{id}": { get: {} } } });
  expect(old).toMatchObject({ trend: false, people: false, search: false, live: false, meanings: false });
  const fresh = abilitiesOf({
    paths: {
      "/v1/sites/{site}/kpis": { get: { parameters: [{ name: "trend" }] } },
      "/v1/sites/{site}/actors": { get: {}, post: {} },
      "/v1/sites/{site}/live": { get: {} },
      "/v1/sites/{site}/meanings/{event}": { put: {}, delete: {} },
    },
  });
  expect(fresh).toMatchObject({ trend: true, people: true, search: true, live: true, meanings: true });
});
