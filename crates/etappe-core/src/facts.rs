//! The known meanings of properties: money, orders, referrals, scores, touchpoints, campaigns.
//!
//! Trackers use different names for the same thing. Each fact below lists the names that are read,
//! and their order. An invalid value (an amount that is not a number, a score out of range) counts
//! as not sent, never as zero. Text is borrowed from the record where possible.

mod agent;
mod ids;
mod known;
mod money;
mod notice;
mod page;
mod pick;
mod sentiment;
mod touchpoint;
mod user_agent;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::channel::Channel;
use crate::country;
use crate::currency::Currency;
use crate::event::Event;
use crate::json::JsonValue;
use crate::money::Amount;
use crate::rules::{AddressPart, FactMapping};

use crate::warning::WarningReason;

use known::{KnownContext, KnownProperties};
use notice::sent;
use touchpoint::View;

pub use notice::Noticed;

/// The facts in an event's properties and context, read by their known names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFacts<'a> {
    /// The account (company) the event belongs to.
    pub account: Cow<'a, str>,
    /// The amount of money, if one was sent and it counts.
    pub revenue: Option<Amount>,
    /// Why an amount that was sent does not count; `revenue` is then `None`.
    pub uncounted: Option<WarningReason>,
    /// ISO 4217 code in capitals; empty if none was given.
    pub currency: Cow<'a, str>,
    /// The order's id; empty for a placeholder.
    pub order_id: Cow<'a, str>,
    /// Whether the event only says that a page or screen was viewed. For an order, an order event
    /// is better evidence than a view.
    pub is_view: bool,
    /// The referral code, in lower case.
    pub referral_code: Cow<'a, str>,
    /// The id of the actor who invited this one.
    pub inviter_id: Cow<'a, str>,
    /// The answer to "would you recommend us", 0–10.
    pub nps: Option<u8>,
    /// A rating on the sender's own scale.
    pub rating: Option<f64>,
    /// Sentiment, −1 to 1.
    pub sentiment: Option<f64>,
    /// Where the contact happened, such as `web`, `app`, `email`, `store`.
    pub touchpoint: Cow<'a, str>,
    /// `physical`, `digital` or `hybrid`.
    pub touchpoint_kind: Cow<'a, str>,
    /// The named segment.
    pub persona: Cow<'a, str>,
    /// How the actor came, as far as this event shows.
    pub channel: Option<Channel>,
    /// The source that goes with the channel, such as `google`; as stated by the sender, if it was.
    pub campaign_source: Cow<'a, str>,
    /// The medium that goes with the channel, such as `cpc` or `organic`.
    pub campaign_medium: Cow<'a, str>,
    /// The campaign's name.
    pub campaign_name: Cow<'a, str>,
    /// The page's path.
    pub page_path: Cow<'a, str>,
    /// The page's address.
    pub page_url: Cow<'a, str>,
    /// The address that the visitor came from.
    pub referrer: Cow<'a, str>,
    /// The browser's or app's language tag.
    pub locale: Cow<'a, str>,
    /// The kind of device: `desktop`, `mobile`, `tablet`, or empty.
    pub device: Cow<'a, str>,
    /// The country's ISO 3166-1 alpha-2 code; empty if unknown.
    pub country: Cow<'a, str>,
    /// The kind of bot that sent the event; empty for people.
    pub bot: Cow<'a, str>,
}

/// Where an event keeps its money and order id when its tracker uses names of its own.
///
/// A name may be a path as in [`Event::value`]. It takes precedence over the known names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FactNames<'n> {
    /// The property that holds the amount of money.
    pub revenue: Option<&'n str>,
    /// The property that holds the currency's code.
    pub currency: Option<&'n str>,
    /// The currency of amounts if no property states one.
    pub currency_constant: Option<&'n str>,
    /// The property that holds the order's id.
    pub order_id: Option<&'n str>,
    /// Whether the event has no order id, whatever its properties are called.
    pub order_id_absent: bool,
    /// Where the page's address holds the order's id, if no property does.
    pub order_id_from_url: &'n [AddressPart],
}

impl<'n> FactNames<'n> {
    /// Returns the names stated by a vocabulary's rule.
    #[must_use]
    pub fn of(mapping: &'n FactMapping) -> Self {
        Self {
            revenue: mapping.revenue.as_deref(),
            currency: mapping.currency.as_deref(),
            currency_constant: mapping.currency_constant.as_deref(),
            order_id: mapping.order_id.as_deref(),
            order_id_absent: mapping.order_id_absent,
            order_id_from_url: &mapping.order_id_from_url,
        }
    }
}

impl<'a> EventFacts<'a> {
    /// Reads the facts of `event`; `names` comes from the vocabulary rule that decided, if any.
    ///
    /// Pure: the same event and names always give the same facts.
    #[must_use]
    pub fn extract(event: &'a Event<'_>, names: FactNames<'_>) -> Self {
        let known = KnownProperties::scan(&event.properties);
        let context = KnownContext::scan(&event.context);
        let money = money::decide(sent_money(event, names, &known), &event.money_terms);
        let counts = event.counts_money;
        let mut facts = Self {
            account: account(event, &context),
            revenue: money.amount.filter(|_| counts),
            uncounted: money.uncounted.map(|it| it.reason).filter(|_| counts),
            currency: Cow::Borrowed(money.currency.map_or("", Currency::as_str)),
            order_id: order_id(event, names, &known),
            is_view: View::of(event).is_some(),
            referral_code: ids::code(known.referral_code.text()),
            inviter_id: ids::id(known.inviter_id.text()),
            persona: persona(event, &known, &context),
            locale: first_text([context.locale, known.locale.raw()]),
            country: Cow::Borrowed(country(&known, &context)),
            ..Self::default()
        };
        scores(&known, &mut facts);
        let tells_page = page::fill(event, &known, &context, &mut facts);
        if facts.order_id.is_empty() && !names.order_id_absent {
            facts.order_id = order_id_in_address(names, &facts);
        }
        touchpoint::fill(event, &known, &context, tells_page, &mut facts);
        user_agent::fill(&known, &context, &mut facts);
        facts
    }
}

/// Returns the text of a string, number or boolean; empty for anything else.
fn text_of(raw: &RawValue) -> Cow<'_, str> {
    JsonValue::of(raw).into_text().unwrap_or_default()
}

/// Returns the first non-empty text.
fn first_text<'a, const N: usize>(candidates: [Option<&'a RawValue>; N]) -> Cow<'a, str> {
    candidates
        .into_iter()
        .flatten()
        .map(text_of)
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn account<'a>(event: &'a Event<'_>, context: &KnownContext<'a>) -> Cow<'a, str> {
    let own = event.group_id.as_deref().map(Cow::Borrowed);
    match ids::id(own.unwrap_or_default()) {
        id if !id.is_empty() => id,
        _ => ids::id(first_text([context.group_id])),
    }
}

/// Gathers the money values that were sent: by the vocabulary's names, then `revenue`, `value`,
/// `total`.
///
/// `revenue` comes first because it is the only name that always means money (`value` may also be a
/// score or a meter reading). `total` comes last because it alone includes shipping and tax.
fn sent_money<'a, 'n>(
    event: &'a Event<'_>,
    names: FactNames<'n>,
    known: &KnownProperties<'a>,
) -> money::Sent<'a, 'n> {
    let named = names
        .revenue
        .and_then(|path| Some((path, event.value(path)?)))
        .filter(|(_, value)| *value != JsonValue::Null);
    let known_amounts = ["revenue", "value", "total"].into_iter().zip(known.money);
    let known_amounts = known_amounts.filter_map(|(name, raw)| Some((name, sent(raw?)?)));
    let text = |value| money::currency_text(value).map(page::trimmed);
    let is_sent = |text: &Cow<'_, str>| !text.is_empty();
    let named_currency = names.currency.and_then(|path| {
        let text = event.value(path).and_then(text).filter(is_sent)?;
        Some((path, text))
    });
    let known_currency = || {
        let raw = known.currency.raw()?;
        Some(("currency", text(JsonValue::of(raw)).filter(is_sent)?))
    };
    money::Sent {
        amounts: named.into_iter().chain(known_amounts).collect(),
        currency: named_currency.or_else(known_currency),
        constant: names.currency_constant,
    }
}

fn order_id<'a>(
    event: &'a Event<'_>,
    names: FactNames<'_>,
    known: &KnownProperties<'a>,
) -> Cow<'a, str> {
    if names.order_id_absent {
        return Cow::Borrowed("");
    }
    let named = names.order_id.and_then(|path| named_text(event, path));
    match ids::id(named.unwrap_or_default()) {
        id if !id.is_empty() => id,
        _ => ids::id(known.order_id.text()),
    }
}

/// Returns the order's id in the page's address. The address is read as sent, because ids keep
/// their case.
fn order_id_in_address<'a>(names: FactNames<'_>, facts: &EventFacts<'a>) -> Cow<'a, str> {
    let found = |address: &str| {
        let mut parts = names.order_id_from_url.iter();
        parts.find_map(|part| part.find_in(address))
    };
    let in_address = found(&facts.page_url).or_else(|| found(&facts.page_path));
    ids::id(Cow::Owned(in_address.unwrap_or_default()))
}

/// Returns the text at a path, if any.
fn named_text<'a>(event: &'a Event<'_>, path: &str) -> Option<Cow<'a, str>> {
    event
        .value(path)
        .and_then(JsonValue::into_text)
        .filter(|text| !text.is_empty())
}

fn persona<'a>(
    event: &'a Event<'_>,
    known: &KnownProperties<'a>,
    context: &KnownContext<'a>,
) -> Cow<'a, str> {
    let in_context = context
        .traits
        .and_then(|raw| pick::pick(raw.get(), ["persona"]))
        .and_then(|[persona]| persona);
    first_text([
        known.persona.raw(),
        in_context,
        event.traits.get_raw("persona"),
    ])
}

/// Reads the scores. An `nps` that is not a whole number 0–10 is a rating on some other scale.
fn scores(known: &KnownProperties<'_>, facts: &mut EventFacts<'_>) {
    let number = |raw: Option<&RawValue>| raw.and_then(|raw| JsonValue::of(raw).as_f64());
    facts.rating = number(known.rating.raw());
    if let Some(score) = number(known.nps.raw()) {
        match (0..=10_u8).find(|whole| f64::from(*whole) == score) {
            Some(whole) => facts.nps = Some(whole),
            None => facts.rating = facts.rating.or(Some(score)),
        }
    }
    facts.sentiment = known
        .sentiment
        .raw()
        .and_then(|raw| sentiment::parse(&JsonValue::of(raw)));
}

/// Returns the country where the event happened. A language tag is not evidence of a country.
fn country(known: &KnownProperties<'_>, context: &KnownContext<'_>) -> &'static str {
    let names = context
        .location
        .and_then(|raw| pick::pick(raw.get(), ["country", "countryCode", "country_code"]))
        .unwrap_or_default();
    names
        .into_iter()
        .chain([known.country.raw()])
        .flatten()
        .find_map(|raw| country::code_of(&text_of(raw)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
