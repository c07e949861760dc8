//! One pass over an event's properties and context that keeps the values with known names.
//!
//! Looking up every name separately would cost one scan per name; here each member is matched once.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{sent, text_of};
use crate::channel::ClickId;
use crate::id::meaningful_id;
use crate::json::JsonObject;

/// A fact that has several names, with the value of the best name that was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot<'a> {
    /// The value and the rank of its name; lower is better.
    best: Option<(u8, &'a RawValue)>,
}

impl<'a> Slot<'a> {
    /// Takes a value unless a better name already has one; of equal names the last one counts, as
    /// in [`JsonObject::get`]. A null or a blank text is not a value.
    fn offer(&mut self, rank: u8, raw: &'a RawValue) {
        let is_better = self.best.is_none_or(|(held, _)| rank <= held);
        if is_better && sent(raw).is_some() {
            self.best = Some((rank, raw));
        }
    }

    /// Takes an id unless it is a placeholder; after a placeholder another name may still fill the
    /// slot.
    fn offer_id(&mut self, rank: u8, raw: &'a RawValue) {
        if meaningful_id(&text_of(raw)).is_some() {
            self.offer(rank, raw);
        }
    }

    /// Returns the rank of the value's name, if there is a value.
    pub(super) fn rank(self) -> Option<u8> {
        self.best.map(|(rank, _)| rank)
    }

    /// Returns the value.
    pub(super) fn raw(self) -> Option<&'a RawValue> {
        self.best.map(|(_, raw)| raw)
    }

    /// Returns the value as text, empty if there is none.
    pub(super) fn text(self) -> Cow<'a, str> {
        self.raw().map(text_of).unwrap_or_default()
    }
}

/// The properties with a meaning to Etappe.
#[derive(Debug, Default)]
pub(super) struct KnownProperties<'a> {
    /// `revenue`, `value` and `total`, in the order in which they are tried.
    pub(super) money: [Option<&'a RawValue>; 3],
    pub(super) currency: Slot<'a>,
    pub(super) order_id: Slot<'a>,
    pub(super) referral_code: Slot<'a>,
    pub(super) inviter_id: Slot<'a>,
    pub(super) rating: Slot<'a>,
    pub(super) nps: Slot<'a>,
    pub(super) sentiment: Slot<'a>,
    pub(super) touchpoint: Slot<'a>,
    pub(super) touchpoint_kind: Slot<'a>,
    pub(super) persona: Slot<'a>,
    /// Source, medium and name of a campaign, under names that have no other meaning.
    pub(super) utm: [Slot<'a>; 3],
    /// Mobile trackers send the campaign here, as an object.
    pub(super) campaign: Slot<'a>,
    /// `source` and `medium`, which belong to a campaign only together with `campaign`.
    pub(super) campaign_parts: [Slot<'a>; 2],
    /// The strongest click id.
    pub(super) click: Option<&'static ClickId>,
    pub(super) path: Slot<'a>,
    pub(super) url: Slot<'a>,
    pub(super) referrer: Slot<'a>,
    /// Whether an empty referrer was sent, which says that the page was opened without one.
    pub(super) denies_referrer: bool,
    pub(super) locale: Slot<'a>,
    pub(super) device: Slot<'a>,
    pub(super) country: Slot<'a>,
    /// The tracker's library.
    pub(super) library: Slot<'a>,
}

impl<'a> KnownProperties<'a> {
    pub(super) fn scan(properties: &'a JsonObject<'_>) -> Self {
        let mut known = Self::default();
        for (name, raw) in properties.iter() {
            known.take(name, raw);
        }
        known
    }

    fn take(&mut self, name: &str, raw: &'a RawValue) {
        match name {
            "revenue" => self.money[0] = Some(raw),
            "value" => self.money[1] = Some(raw),
            "total" => self.money[2] = Some(raw),
            "currency" => self.currency.offer(0, raw),
            "currency_code" | "currencyCode" => self.currency.offer(1, raw),
            "order_id" => self.order_id.offer_id(0, raw),
            "transaction_id" => self.order_id.offer_id(1, raw),
            "orderId" => self.order_id.offer_id(2, raw),
            "ec_id" => self.order_id.offer_id(3, raw),
            "referral_code" => self.referral_code.offer_id(0, raw),
            "referralCode" => self.referral_code.offer_id(1, raw),
            "inviter_id" => self.inviter_id.offer_id(0, raw),
            "referrer_id" => self.inviter_id.offer_id(1, raw),
            "inviterId" => self.inviter_id.offer_id(2, raw),
            "referrerId" => self.inviter_id.offer_id(3, raw),
            "rating" => self.rating.offer(0, raw),
            "nps" => self.nps.offer(0, raw),
            "sentiment" => self.sentiment.offer(0, raw),
            "touchpoint" => self.touchpoint.offer(0, raw),
            "touchpoint_kind" => self.touchpoint_kind.offer(0, raw),
            "persona" => self.persona.offer(0, raw),
            "locale" => self.locale.offer(0, raw),
            "$device_type" => self.device.offer(0, raw),
            _ => self.take_origin(name, raw),
        }
    }

    /// Takes the members that say where the event happened and how the actor came.
    fn take_origin(&mut self, name: &str, raw: &'a RawValue) {
        match name {
            "utm_source" => self.utm[0].offer(0, raw),
            "mtm_source" | "pk_source" | "mkt_source" => self.utm[0].offer(1, raw),
            "utm_source_platform" => self.utm[0].offer(2, raw),
            "utm_medium" => self.utm[1].offer(0, raw),
            "mtm_medium" | "pk_medium" | "mkt_medium" => self.utm[1].offer(1, raw),
            "utm_campaign" => self.utm[2].offer(0, raw),
            "mtm_campaign" | "pk_campaign" | "mkt_campaign" | "_rcn" => {
                self.utm[2].offer(1, raw);
            }
            "utm_id" => self.utm[2].offer(2, raw),
            "campaign" => self.campaign.offer(0, raw),
            "source" => self.campaign_parts[0].offer(0, raw),
            "medium" => self.campaign_parts[1].offer(0, raw),
            "path" => self.path.offer(0, raw),
            "$pathname" => self.path.offer(1, raw),
            "url" => self.url.offer(0, raw),
            "$current_url" => self.url.offer(1, raw),
            "page_location" => self.url.offer(2, raw),
            "referrer" => self.offer_referrer(0, raw),
            "$referrer" => self.offer_referrer(1, raw),
            "page_referrer" => self.offer_referrer(2, raw),
            "urlref" | "refr" => self.offer_referrer(3, raw),
            "$referring_domain" => self.referrer.offer(4, raw),
            "$geoip_country_code" => self.country.offer(0, raw),
            "mp_country_code" => self.country.offer(1, raw),
            "$lib" => self.library.offer(0, raw),
            "mp_lib" => self.library.offer(1, raw),
            _ => {
                let is_sent = !matches!(raw.get(), "null" | "\"\"" | "false");
                if let Some(click) = ClickId::of_name(name).filter(|_| is_sent) {
                    self.click = ClickId::stronger(self.click, Some(click));
                }
            }
        }
    }

    fn offer_referrer(&mut self, rank: u8, raw: &'a RawValue) {
        self.denies_referrer |= raw.get() == "\"\"";
        self.referrer.offer(rank, raw);
    }
}

/// The parts of the context with a meaning to Etappe, not parsed yet.
#[derive(Debug, Default)]
pub(super) struct KnownContext<'a> {
    pub(super) campaign: Option<&'a RawValue>,
    pub(super) page: Option<&'a RawValue>,
    pub(super) user_agent: Option<&'a RawValue>,
    pub(super) locale: Option<&'a RawValue>,
    pub(super) location: Option<&'a RawValue>,
    pub(super) device: Option<&'a RawValue>,
    pub(super) traits: Option<&'a RawValue>,
    pub(super) group_id: Option<&'a RawValue>,
    pub(super) referrer: Option<&'a RawValue>,
    pub(super) library: Option<&'a RawValue>,
}

impl<'a> KnownContext<'a> {
    pub(super) fn scan(context: &'a JsonObject<'_>) -> Self {
        let mut known = Self::default();
        for (name, raw) in context.iter() {
            let member = match name {
                "campaign" => &mut known.campaign,
                "page" => &mut known.page,
                "userAgent" => &mut known.user_agent,
                "locale" => &mut known.locale,
                "location" => &mut known.location,
                "device" => &mut known.device,
                "traits" => &mut known.traits,
                "groupId" => &mut known.group_id,
                "referrer" => &mut known.referrer,
                "library" => &mut known.library,
                _ => continue,
            };
            *member = Some(raw);
        }
        known
    }
}
