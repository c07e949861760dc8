/** A plant shop over eight months up to now: who came how, signed up, bought, invited others, and what they thought of it. */

const DAY = 86_400_000;
const MONTHS_BACK = 8;
const PEOPLE = 3000;
/** So many messages come of one of them, as measured. */
const MESSAGES_PER_PERSON = 4.4;
/** Since then, those who come by a paid advertisement rarely fill a cart: the leak that Today is to find. */
const LEAK_DAYS = 40;

interface Way {
  name: string;
  share: number;
  cart: number;
  context: (page: string) => Record<string, unknown>;
}

const SHOP = "https://wielewaal.example";

const page = (path: string, referrer = "") => ({ url: SHOP + path, path, title: path === "/" ? "Wielewaal" : path.slice(1), referrer });

const campaign = (source: string, medium: string, name: string) => (path: string) => ({ page: page(path), campaign: { source, medium, name } });

const WAYS: Way[] = [
  { name: "Organic Search", share: 0.28, cart: 0.52, context: (path) => ({ page: page(path, "https://www.google.com/") }) },
  { name: "Paid Social", share: 0.34, cart: 0.58, context: campaign("facebook", "paid_social", "voorjaar") },
  { name: "Email", share: 0.16, cart: 0.62, context: campaign("nieuwsbrief", "email", "weekbericht") },
  { name: "Direct", share: 0.12, cart: 0.48, context: (path) => ({ page: page(path) }) },
  { name: "Referral", share: 0.1, cart: 0.5, context: (path) => ({ page: page(path, "https://tuinblog.example/kamerplanten") }) },
];

const FIRST = ["Sanne", "Daan", "Fenna", "Lucas", "Noor", "Sem", "Zoë", "Bram", "Yasmin", "Thijs", "Françoise", "Mees", "Lotte", "Omar", "Eva", "Jesse"];
const LAST = ["de Vries", "Jansen", "Bakker", "van den Berg", "Visser", "Özdemir", "Mulder", "van der Schoot-Middelburg", "Peters", "El Amrani", "Hendriks", "Smit"];

const AGENTS = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36",
];

const PLANTS = ["monstera", "calathea", "pilea", "ficus-lyrata", "sansevieria"];

/** A small generator of numbers with a seed (mulberry32), so that every run has the same shop. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Message {
  type: string;
  messageId: string;
  timestamp: string;
  [field: string]: unknown;
}

export interface Shop {
  messages: Message[];
  people: number;
  orders: number;
}

interface Customer {
  id: string;
  way: Way;
  agent: string;
  name: string;
  signedUp: number | null;
}

/** With a size, about so many messages; else those of three thousand people. */
export function makeShop(seed: number, now: number, size?: number): Shop {
  const people = size ? Math.round(size / MESSAGES_PER_PERSON) : PEOPLE;
  const random = numbers(seed);
  const messages: Message[] = [];
  const start = now - MONTHS_BACK * 30.4 * DAY;
  const signedUp: Customer[] = [];
  let orders = 0;

  const pick = <T>(from: T[]): T => from[Math.floor(random() * from.length)];
  const wayOf = (): Way => {
    let left = random();
    return WAYS.find((way) => (left -= way.share) < 0) ?? WAYS[0];
  };

  /** What lies ahead has not happened. */
  const say = (who: Customer, at: number, message: Record<string, unknown>): boolean => {
    if (at > now - 60_000) return false;
    const context = { ...(message.context as object), userAgent: who.agent, location: { country: "NL" } };
    messages.push({
      type: "track",
      ...message,
      messageId: `m${messages.length}`,
      timestamp: new Date(at).toISOString(),
      // From the first page on: what somebody did under another id is not theirs before it is known to be.
      userId: who.id,
      context,
    });
    return true;
  };

  const view = (who: Customer, at: number, path: string, way: Way | null = null) =>
    say(who, at, { type: "page", name: path === "/" ? "Home" : "Product", context: way ? way.context(path) : { page: page(path, `${SHOP}/`) } });

  const buy = (who: Customer, at: number) => {
    const amount = Math.round(1500 + random() * 6500) / 100;
    if (say(who, at, { event: "Order Completed", properties: { order_id: `w${10_000 + orders}`, revenue: amount, currency: "EUR" } })) orders += 1;
  };

  const signUp = (who: Customer, at: number, inviter: Customer | null) => {
    if (at > now - 120_000) return;
    who.signedUp = at;
    say(who, at, { event: "Signed Up", properties: inviter ? { inviter_id: inviter.id } : {} });
    say(who, at + 1000, { type: "identify", traits: { name: who.name, email: `${who.id}@wielewaal.example` } });
    say(who, at + 6 * 3_600_000, { event: "Account Activated" });
    signedUp.push(who);
  };

  for (let index = 0; index < people; index++) {
    // More of them towards the end, as for a shop that grows.
    const share = Math.pow((index + 0.5) / people, 0.8);
    const day = start + share * (now - start - 2 * 3_600_000);
    const at = Math.floor(day);
    const who: Customer = { id: `klant-${String(index + 1).padStart(4, "0")}`, way: wayOf(), agent: pick(AGENTS), name: `${pick(FIRST)} ${pick(LAST)}`, signedUp: null };
    const invited = random() < 0.14;
    const inviters = invited ? signedUp.filter((each) => at - each.signedUp! > DAY && at - each.signedUp! < 60 * DAY) : [];
    const inviter = inviters.length ? pick(inviters) : null;
    if (inviter) say(inviter, at - Math.floor((0.2 + random()) * 0.7 * DAY), { event: "Invite Sent", properties: { referral_code: `code-${inviter.id}` } });

    const plant = pick(PLANTS);
    // Links lead to a plant; some look at another, and an event within the shop tells no channel.
    view(who, at, `/planten/${plant}`, who.way);
    if (random() < 0.2) view(who, at + 40_000, `/planten/${pick(PLANTS)}`);
    const leaks = who.way.name === "Paid Social" && now - at < LEAK_DAYS * DAY;
    const cart = inviter || random() < (leaks ? 0.06 : who.way.cart);
    const pays = random() < 0.56;
    const again = random() < 0.4;
    const later = Math.floor((2 + random() * 12) * DAY);
    if (cart) say(who, at + 90_000, { event: "Product Added", properties: { product_id: plant, price: 24.95, currency: "EUR" } });
    if (cart && (inviter || random() < 0.7)) signUp(who, at + 150_000, inviter);
    if (cart && pays) buy(who, at + Math.floor((0.003 + random() * 1.5) * DAY));
    if (cart && pays && random() < 0.45) buy(who, at + later + 4 * DAY);
    if (again) view(who, at + later, "/", random() < 0.5 ? WAYS[2] : WAYS[3]);
    if (again && random() < 0.3) say(who, at + later + 60_000, { event: "Wishlist Opened Again", properties: { items: 3 } });
    if (cart && pays && random() < 0.5) {
      const nps = [10, 10, 9, 9, 9, 8, 8, 7, 6, 4][Math.floor(random() * 10)];
      say(who, at + 3 * DAY, { event: "NPS Survey Answered", properties: { nps } });
    }
    if (who.signedUp && random() < 0.18) say(who, who.signedUp + 2 * DAY, { event: "Invite Sent", properties: { referral_code: `code-${who.id}` } });
  }
  return { messages, people, orders };
}
