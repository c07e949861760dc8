//! Where a vocabulary's events keep their money and order ids, if not under the known names.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::address::AddressPart;
use super::diagnostic::Report;
use super::reader::{Located, Table, wrong};

/// The properties that hold an event's facts; they take precedence over the known names.
///
/// Each is a path as accepted by [`crate::event::Event::value`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct FactMapping {
    /// The amount of money.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_optional_text"
    )]
    pub revenue: Option<Arc<str>>,
    /// The property that holds the currency.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_optional_text"
    )]
    pub currency: Option<Arc<str>>,
    /// The currency itself, if no property states it: an ISO 4217 code in capitals.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_optional_text"
    )]
    pub currency_constant: Option<Arc<str>>,
    /// The order's id.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_optional_text"
    )]
    pub order_id: Option<Arc<str>>,
    /// Whether the events have no order id: each event is an order of its own, even if it has a
    /// property called `order_id`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub order_id_absent: bool,
    /// Where the page's address holds the order's id, if no property does.
    #[serde(skip_serializing_if = "<[AddressPart]>::is_empty")]
    pub order_id_from_url: Box<[AddressPart]>,
}

fn as_optional_text<S: Serializer>(
    text: &Option<Arc<str>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(serializer)
}

const KEYS: [&str; 5] = [
    "revenue",
    "currency",
    "currency_from",
    "order_id",
    "order_id_from_url",
];

impl FactMapping {
    /// Reads a `facts` table.
    pub(super) fn read(table: &Table<'_, '_>, report: &mut Report<'_>) -> Self {
        table.allow_only(&KEYS, "`facts`", report);
        let path = |key: &str, report: &mut Report<'_>| {
            let path = table.text(key, report)?;
            if path.value.is_empty() {
                report.error(&path.span, format!("`{key}` is empty"));
                return None;
            }
            Some(path.value.into())
        };
        let mut mapping = Self {
            revenue: path("revenue", report),
            currency: path("currency_from", report),
            order_id_from_url: read_address_parts(table, report),
            ..Self::default()
        };
        match table.value("order_id") {
            Some(value) if value.get_ref().as_bool() == Some(false) => {
                mapping.order_id_absent = true;
            }
            Some(value) if value.get_ref().is_str() => mapping.order_id = path("order_id", report),
            Some(value) => {
                wrong::<()>("order_id", value, "a property's name or false", report);
            }
            None => {}
        }
        if let Some(code) = table.text("currency", report) {
            if code.value.len() == 3 && code.value.bytes().all(|byte| byte.is_ascii_uppercase()) {
                mapping.currency_constant = Some(code.value.into());
            } else {
                report.error_with(
                    &code.span,
                    format!("`{}` is not a currency", code.value),
                    "use a code such as EUR; `currency_from` names a property".to_owned(),
                );
            }
        }
        mapping
    }

    /// Fills missing fields from `other`.
    pub(super) fn or(self, other: &Self) -> Self {
        let says_order =
            self.order_id.is_some() || self.order_id_absent || !self.order_id_from_url.is_empty();
        let says_currency = self.currency.is_some() || self.currency_constant.is_some();
        let kept = |ours: Option<Arc<str>>, theirs: &Option<Arc<str>>, said: bool| {
            if said { ours } else { theirs.clone() }
        };
        let said_revenue = self.revenue.is_some();
        Self {
            revenue: kept(self.revenue, &other.revenue, said_revenue),
            currency: kept(self.currency, &other.currency, says_currency),
            currency_constant: kept(
                self.currency_constant,
                &other.currency_constant,
                says_currency,
            ),
            order_id: kept(self.order_id, &other.order_id, says_order),
            order_id_absent: if says_order {
                self.order_id_absent
            } else {
                other.order_id_absent
            },
            order_id_from_url: if says_order {
                self.order_id_from_url
            } else {
                other.order_id_from_url.clone()
            },
        }
    }

    /// Returns whether no field is set.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn read_address_parts(table: &Table<'_, '_>, report: &mut Report<'_>) -> Box<[AddressPart]> {
    let texts = table.texts("order_id_from_url", report).unwrap_or_default();
    let read = |text: &Located<&str>| {
        let part = AddressPart::parse(text.value);
        if part.is_none() {
            report.error_with(
                &text.span,
                format!("`order_id_from_url` cannot be read from `{}`", text.value),
                "write `/order/*` for the part of the path after `/order/`, or `?order` for a key of \
                 the query"
                    .to_owned(),
            );
        }
        part
    };
    texts.iter().filter_map(read).collect()
}
