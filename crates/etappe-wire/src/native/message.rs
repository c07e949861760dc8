//! Reads one message.

use std::borrow::Cow;

use etappe_core::event::{Event, EventKind, tidy_name};
use etappe_core::time::Timestamp;

use super::context::kept_context;
use super::cut::cut_addresses;
use super::field::{id, member, object, string, unquote};
use super::notice;
use super::scan::{Fault, Scanner};
use super::{Limits, Message, Reason, Reception, Rejection, instant, with_country};

/// The raw values of a message's members; null counts as absent.
#[derive(Debug, Default)]
struct Members<'a> {
    kind: Option<&'a str>,
    event: Option<&'a str>,
    name: Option<&'a str>,
    category: Option<&'a str>,
    message_id: Option<&'a str>,
    anonymous_id: Option<&'a str>,
    user_id: Option<&'a str>,
    previous_id: Option<&'a str>,
    group_id: Option<&'a str>,
    timestamp: Option<&'a str>,
    original_timestamp: Option<&'a str>,
    sent_at: Option<&'a str>,
    properties: Option<&'a str>,
    traits: Option<&'a str>,
    context: Option<&'a str>,
}

impl<'a> Members<'a> {
    fn note(&mut self, name: &str, value: &'a str) {
        let slot = match name {
            "type" => &mut self.kind,
            "event" => &mut self.event,
            "name" => &mut self.name,
            "category" => &mut self.category,
            "messageId" => &mut self.message_id,
            "anonymousId" => &mut self.anonymous_id,
            "userId" => &mut self.user_id,
            "previousId" => &mut self.previous_id,
            "groupId" => &mut self.group_id,
            "timestamp" => &mut self.timestamp,
            "originalTimestamp" => &mut self.original_timestamp,
            "sentAt" => &mut self.sent_at,
            "properties" => &mut self.properties,
            "traits" => &mut self.traits,
            "context" => &mut self.context,
            _ => return,
        };
        *slot = Some(value).filter(|value| *value != "null");
    }

    fn kind(&self) -> Option<EventKind> {
        Some(match unquote(self.kind?)?.as_ref() {
            "track" => EventKind::Track,
            "page" => EventKind::Page,
            "screen" => EventKind::Screen,
            "identify" => EventKind::Identify,
            "group" => EventKind::Group,
            "alias" => EventKind::Alias,
            _ => return None,
        })
    }

    fn rejection(&self, reason: Reason, kind: Option<EventKind>, bytes: usize) -> Rejection<'a> {
        Rejection {
            reason,
            message_id: id(self.message_id).ok().flatten(),
            kind: kind.or_else(|| self.kind()),
            event: string(self.event).ok().flatten(),
            bytes,
        }
    }
}

/// Reads the message in `bytes`; `path_kind` is the kind stated by the request's path, `sent_at`
/// the batch's.
pub(super) fn read_message<'a>(
    bytes: &'a [u8],
    path_kind: Option<EventKind>,
    index: usize,
    sent_at: Option<Timestamp>,
    reception: &'a Reception,
    limits: &Limits,
) -> Result<Message<'a>, Rejection<'a>> {
    let mut members = Members::default();
    let checked = match std::str::from_utf8(bytes) {
        Ok(text) => Scanner::new(text, limits.depth)
            .members(|name, value| {
                if let Some(name) = unquote(name) {
                    members.note(&name, value);
                }
            })
            .map_err(|fault| match fault {
                Fault::Malformed => Reason::Malformed,
                Fault::TooDeep => Reason::TooDeep,
            }),
        Err(_) => Err(Reason::InvalidUtf8),
    };
    let checked = if bytes.len() > limits.event_bytes {
        Err(Reason::TooLarge)
    } else {
        checked
    };
    checked
        .and_then(|()| {
            let kind = path_kind
                .or_else(|| members.kind())
                .ok_or(Reason::InvalidType)?;
            let sent_at = instant::sent_at(members.sent_at).or(sent_at);
            build(&members, kind, index, sent_at, reception)
        })
        .map_err(|reason| members.rejection(reason, path_kind, bytes.len()))
}

fn build<'a>(
    members: &Members<'a>,
    kind: EventKind,
    index: usize,
    sent_at: Option<Timestamp>,
    reception: &'a Reception,
) -> Result<Message<'a>, Reason> {
    let properties = object(members.properties)?;
    let traits = object(members.traits)?;
    let context = object(members.context)?;
    let mut warnings = Vec::new();
    let message_id = id(members.message_id)?
        .and_then(|text| notice::judge_message_id(text, &mut warnings).into_id());
    let mut sent_id = |field, raw| notice::sent_id(field, raw, &mut warnings);
    let anonymous_id = sent_id("anonymousId", members.anonymous_id)?;
    let user_id = sent_id("userId", members.user_id)?;
    let previous_id = sent_id("previousId", members.previous_id)?;
    let group_id = sent_id("groupId", members.group_id)?;
    let name = name(kind, string(members.event))?;
    let names_all = match kind {
        EventKind::Alias => previous_id.is_sent(),
        EventKind::Group => group_id.is_sent(),
        EventKind::Track | EventKind::Page | EventKind::Screen | EventKind::Identify => true,
    };
    if !(anonymous_id.is_sent() || user_id.is_sent()) || !names_all {
        return Err(Reason::MissingId);
    }
    let timestamp = members.timestamp.or(members.original_timestamp);
    let occurred_at = instant::occurred_at(timestamp, sent_at, reception.received_at)?;
    if kind.is_event() {
        notice::warn_of_properties(&name, properties, reception, &mut warnings);
    }
    notice::warn_of_context(context, &mut warnings);
    let properties = match kind {
        EventKind::Page | EventKind::Screen => with_page_name(properties, members)?,
        EventKind::Track | EventKind::Identify | EventKind::Group | EventKind::Alias => {
            Cow::Borrowed(properties)
        }
    };
    let event = Event {
        anonymous_id: anonymous_id.into_id(),
        user_id: user_id.into_id(),
        previous_id: previous_id.into_id(),
        group_id: group_id.into_id(),
        properties: without_addresses(properties),
        traits: cut_addresses(traits_of(kind, traits, context)),
        context: with_country(
            without_addresses(kept_context(context, reception)),
            reception.proxys_country(),
        ),
        ..reception.event(index, kind, name, message_id, occurred_at)
    };
    Ok(Message { event, warnings })
}

/// Returns the JSON text of an object with all addresses in it truncated.
pub(crate) fn without_addresses(object: Cow<'_, str>) -> Cow<'_, str> {
    match object {
        Cow::Borrowed(text) => cut_addresses(text),
        Cow::Owned(text) => match cut_addresses(&text) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(cut) => Cow::Owned(cut),
        },
    }
}

/// Returns the event's name: for a `track` message the stated one, otherwise the kind.
fn name<'a>(
    kind: EventKind,
    event: Result<Option<Cow<'a, str>>, Reason>,
) -> Result<Cow<'a, str>, Reason> {
    match kind {
        EventKind::Track => event?
            .map(tidy_name)
            .filter(|name| !name.is_empty())
            .ok_or(Reason::MissingEvent),
        EventKind::Page
        | EventKind::Screen
        | EventKind::Identify
        | EventKind::Group
        | EventKind::Alias => Ok(Cow::Borrowed(kind.as_str())),
    }
}

/// Adds a page's `name` and `category` to its properties, unless they are already there.
fn with_page_name<'a>(properties: &'a str, members: &Members<'a>) -> Result<Cow<'a, str>, Reason> {
    let named = [("name", members.name), ("category", members.category)];
    let mut missing = Vec::new();
    for (name, value) in named {
        let Some(value) = value else { continue };
        string(Some(value))?;
        if member(properties, name).is_none() {
            missing.push(format!("\"{name}\":{value}"));
        }
    }
    if missing.is_empty() {
        return Ok(Cow::Borrowed(properties));
    }
    let mut text = format!("{{{}", missing.join(","));
    match properties.strip_prefix('{') {
        Some(rest) => {
            text.push(',');
            text.push_str(rest);
        }
        None => text.push('}'),
    }
    Ok(Cow::Owned(text))
}

/// Returns the traits; RudderStack's trackers send those of an `identify` in the context.
fn traits_of<'a>(kind: EventKind, traits: &'a str, context: &'a str) -> &'a str {
    if traits.is_empty() && kind == EventKind::Identify {
        return object(member(context, "traits")).unwrap_or_default();
    }
    traits
}
