import { lazy } from "./lazy";

/** Pages in files of their own, fetched when they are first opened. */
export const Referral = lazy(() => import("../pages/referral/Referral").then((module) => module.Referral));
export const Revenue = lazy(() => import("../pages/revenue/Revenue").then((module) => module.Revenue));
export const People = lazy(() => import("../pages/people/People").then((module) => module.People));
export const Person = lazy(() => import("../pages/people/Person").then((module) => module.Person));
export const Events = lazy(() => import("../pages/events/Events").then((module) => module.Events));
export const Setup = lazy(() => import("../pages/setup/Setup").then((module) => module.Setup));
/** Seldom opened, and not needed by who signs in. */
export const SharedPage = lazy(() => import("../pages/shared/Shared").then((module) => module.SharedPage));
