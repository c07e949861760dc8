//! The messages that the shop's trackers would send, in the native format.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::Settings;
use crate::act::Act;
use crate::inventory::{PRODUCTS, SEARCHES};
use crate::persona::Channel;
use crate::population::Population;
use crate::world::{Device, Happening, Person, Place, base36};

/// The shop's address.
const SHOP: &str = "https://garden.example.com";

/// A message in the native format.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The message, a JSON object with an id, a time and a person.
    pub value: Value,
}

/// Writes all messages in order of time.
pub(crate) fn messages<'a>(
    population: &'a Population,
    settings: &'a Settings,
) -> impl Iterator<Item = Message> + 'a {
    let prefix = format!("practice-{:016x}", settings.fingerprint());
    let writer = Writer {
        population,
        currency: &settings.currency,
    };
    let numbered = population.happenings.iter().enumerate();
    numbered
        .map(move |(number, happening)| writer.message(happening, &format!("{prefix}-{number}")))
}

struct Writer<'a> {
    population: &'a Population,
    currency: &'a str,
}

impl Writer<'_> {
    fn message(&self, happening: &Happening, id: &str) -> Message {
        let person = &self.population.people[happening.person];
        let at = DateTime::from_timestamp_millis(happening.at).unwrap_or_default();
        let mut message = Map::new();
        let (kind, event) = match happening.act {
            Act::Introduced => ("identify", None),
            Act::HomeSeen | Act::AboutSeen => ("page", None),
            act => ("track", Some(act.name())),
        };
        message.insert("type".to_owned(), json!(kind));
        if let Some(event) = event {
            message.insert("event".to_owned(), json!(event));
        }
        message.insert("messageId".to_owned(), json!(id));
        let time = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        message.insert("timestamp".to_owned(), json!(time));
        let device = self.device(happening.place);
        if !person.is_unknown {
            message.insert("userId".to_owned(), json!(person.id));
        }
        if let Some(device) = device {
            message.insert("anonymousId".to_owned(), json!(device.id));
        }
        if happening.act == Act::Introduced {
            message.insert("traits".to_owned(), traits(person));
        } else {
            message.insert("properties".to_owned(), self.properties(happening));
        }
        message.insert("context".to_owned(), context(happening, person, device));
        Message {
            at,
            value: Value::Object(message),
        }
    }

    fn device(&self, place: Place) -> Option<&Device> {
        match place {
            Place::Web(device) | Place::Elsewhere(device) => self.population.devices.get(device),
            Place::Shop | Place::Phone | Place::Office => None,
        }
    }

    fn properties(&self, happening: &Happening) -> Value {
        let mut properties = match happening.act {
            Act::HomeSeen => json!({ "name": "Home" }),
            Act::AboutSeen => json!({ "name": "About us" }),
            Act::ProductSeen(product) | Act::ProductAdded(product) | Act::Shared(product) => {
                self.product(product)
            }
            Act::Searched(words) => json!({ "query": SEARCHES[words] }),
            Act::Ordered {
                order,
                cents,
                product,
            } => json!({
                "order_id": order_id(order), "revenue": money(cents), "currency": self.currency,
                "products": [self.product(product)],
            }),
            Act::Delivered { order } | Act::Cancelled { order } => {
                json!({ "order_id": order_id(order) })
            }
            Act::Refunded { order, cents } => json!({
                "order_id": order_id(order), "revenue": money(cents), "currency": self.currency,
            }),
            Act::Surveyed { score } => json!({ "survey": "after the order", "nps": score }),
            Act::Reviewed { product, stars } => {
                json!({ "product_id": PRODUCTS[product].id, "rating": stars })
            }
            _ => json!({}),
        };
        let touchpoint = match happening.place {
            Place::Shop => Some("store"),
            Place::Phone => Some("phone"),
            Place::Web(_) | Place::Elsewhere(_) | Place::Office => None,
        };
        if let (Some(touchpoint), Some(properties)) = (touchpoint, properties.as_object_mut()) {
            properties.insert("touchpoint".to_owned(), json!(touchpoint));
        }
        let owner = happening
            .code_of
            .map(|owner| &self.population.people[owner]);
        if let (Some(owner), Some(properties)) = (owner, properties.as_object_mut())
            && !owner.code.is_empty()
        {
            properties.insert("referral_code".to_owned(), json!(owner.code));
        }
        properties
    }

    fn product(&self, product: usize) -> Value {
        let product = &PRODUCTS[product];
        json!({
            "product_id": product.id, "name": product.name, "category": product.category,
            "price": money(product.cents), "currency": self.currency,
        })
    }
}

fn traits(person: &Person) -> Value {
    let (first, last) = person.name;
    let address = format!("{first}.{last}.{}@example.com", person.code);
    json!({
        "firstName": first, "lastName": last, "email": address.to_lowercase(),
        "persona": person.persona.map(|persona| persona.name),
    })
}

fn context(happening: &Happening, person: &Person, device: Option<&Device>) -> Value {
    let mut context = json!({ "locale": "nl-NL", "location": { "country": "NL" } });
    let Some(members) = context.as_object_mut() else {
        return context;
    };
    if let Some(persona) = person.persona.filter(|_| !person.is_unknown) {
        members.insert("traits".to_owned(), json!({ "persona": persona.name }));
    }
    if let Some(device) = device {
        members.insert("userAgent".to_owned(), json!(device.user_agent));
    }
    if let Some(campaign) = happening.channel.and_then(campaign) {
        members.insert("campaign".to_owned(), campaign);
    }
    if let Place::Web(_) = happening.place {
        members.insert("page".to_owned(), page(happening));
    }
    context
}

/// Returns the page of an event, and where the person came from.
fn page(happening: &Happening) -> Value {
    let path = match happening.act {
        Act::HomeSeen => "/".to_owned(),
        Act::AboutSeen => "/about".to_owned(),
        Act::ListSeen => "/garden".to_owned(),
        Act::ProductSeen(product) | Act::ProductAdded(product) | Act::Shared(product) => {
            format!("/garden/{}", PRODUCTS[product].id)
        }
        Act::Searched(_) => "/find".to_owned(),
        Act::CartSeen => "/cart".to_owned(),
        Act::CheckoutStarted
        | Act::GiftWrapChosen
        | Act::PaymentEntered
        | Act::PaymentFailed
        | Act::Ordered { .. } => "/order".to_owned(),
        _ => "/account".to_owned(),
    };
    let referrer = match happening.channel {
        Some(Channel::PaidSocial) => "https://l.instagram.com/",
        Some(Channel::OrganicSearch) => "https://www.google.com/",
        Some(Channel::OrganicSocial) => "https://www.facebook.com/",
        Some(Channel::Referral) => "https://gardenblog.example.org/best-shops",
        Some(Channel::Email | Channel::Direct) => "",
        None => "https://garden.example.com/",
    };
    json!({ "url": format!("{SHOP}{path}"), "path": path, "referrer": referrer })
}

/// Returns the campaign that a link of the shop's own states.
fn campaign(channel: Channel) -> Option<Value> {
    match channel {
        Channel::PaidSocial => Some(
            json!({ "source": "instagram", "medium": "paid_social", "name": "a garden full of life" }),
        ),
        Channel::Email => {
            Some(json!({ "source": "newsletter", "medium": "email", "name": "this week's garden" }))
        }
        Channel::OrganicSearch | Channel::OrganicSocial | Channel::Referral | Channel::Direct => {
            None
        }
    }
}

fn order_id(order: u32) -> String {
    let number = usize::try_from(order).unwrap_or_default();
    format!("G-{}", base36(46_656 + number))
}

/// Writes cents as a JSON number with the same digits.
#[expect(clippy::cast_precision_loss, reason = "prices are far below 2^53")]
fn money(cents: i64) -> Value {
    json!(cents as f64 / 100.0)
}
