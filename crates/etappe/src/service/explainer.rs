//! Explains stored events: what was decided then, and what the current rules decide.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::Context;
use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::id::SiteId;
use etappe_core::json::JsonObject;
use etappe_core::rules::{ActorHistory, RuleSet};
use etappe_warehouse::{StoredMessage, Warehouse};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Finds events in the warehouse and explains them by the current rules.
pub(crate) struct StoredEvents {
    pub(crate) warehouse: Warehouse,
    pub(crate) rules: Arc<RuleSet>,
}

impl StoredEvents {
    /// Explains a stored event; returns `None` if no such message is stored.
    pub(crate) async fn explain(
        &self,
        site: &SiteId,
        message_id: &str,
    ) -> anyhow::Result<Option<Value>> {
        let found = self.warehouse.find_message(site, message_id).await?;
        found
            .map(|stored| self.explain_stored(site, &stored))
            .transpose()
    }

    fn explain_stored(&self, site: &SiteId, stored: &StoredMessage) -> anyhow::Result<Value> {
        let event = as_event(site, stored)?;
        let explanation = self.rules.explain(&event, &ActorHistory::default());
        let mut explained = serde_json::to_value(explanation)?;
        let decided = &stored.decided;
        let stages = decided.stages.iter().map(|stage| {
            json!({ "model": stage.model, "stage": stage.stage, "rule": stage.rule, "version": stage.version })
        });
        explained["stored"] = json!({
            "message_id": decided.message_id,
            "timestamp": decided.at,
            "received_at": stored.received_at,
            "milestone": decided.milestone,
            "stages": stages.collect::<Vec<_>>(),
        });
        Ok(explained)
    }
}

/// Returns the event as it was read from the log.
fn as_event<'a>(site: &'a SiteId, stored: &'a StoredMessage) -> anyhow::Result<Event<'a>> {
    let id = |text: &'a String| Some(Cow::Borrowed(text.as_str())).filter(|id| !id.is_empty());
    let object = |text: &'a String| {
        if text.is_empty() {
            Ok(JsonObject::default())
        } else {
            JsonObject::parse(text)
        }
    };
    Ok(Event {
        scope: named::<KeyScope>(&stored.scope)?,
        anonymous_id: id(&stored.anonymous_id),
        user_id: id(&stored.user_id),
        group_id: id(&stored.account),
        received_at: stored.received_at,
        properties: object(&stored.decided.properties)?,
        traits: object(&stored.traits)?,
        context: object(&stored.context)?,
        ..Event::empty(
            Cow::Borrowed(site),
            named::<EventKind>(&stored.kind)?,
            Cow::Borrowed(&stored.decided.event),
            Cow::Borrowed(&stored.decided.message_id),
            stored.decided.at,
        )
    })
}

fn named<T: DeserializeOwned>(name: &str) -> anyhow::Result<T> {
    serde_json::from_value(Value::from(name)).with_context(|| format!("`{name}` is stored"))
}
