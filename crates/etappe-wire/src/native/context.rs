//! Derives the context for the log from the context that a client sent.
//!
//! The client's IP address is truncated, wherever it comes from. If the client is a browser,
//! missing members are filled in from its request.

use std::borrow::Cow;
use std::net::IpAddr;

use super::field::unquote;
use super::scan::{MAX_DEPTH, Scanner};
use super::{Reception, is_blank, truncate_address};
use crate::record::json_text::push_string;

/// Returns the context to log; `context` is the text of a valid object or empty.
pub(super) fn kept_context<'a>(context: &'a str, reception: &Reception) -> Cow<'a, str> {
    let mut members = Vec::with_capacity(if context.is_empty() { 0 } else { 12 });
    let mut has_address = false;
    let mut stated = None;
    let mut has_user_agent = false;
    if !context.is_empty() {
        let walk = Scanner::new(context, MAX_DEPTH).members(|name, value| {
            match unquote(name).as_deref() {
                Some("ip") => {
                    has_address = true;
                    stated = address(value);
                    return;
                }
                Some("userAgent") => {
                    if is_blank(value) {
                        return;
                    }
                    has_user_agent = true;
                }
                _ => {}
            }
            members.push((name, value));
        });
        debug_assert_eq!(walk, Ok(()), "the whole message was checked before");
    }
    let (own_address, own_user_agent) = if reception.is_from_device() {
        (reception.address, reception.user_agent.as_deref())
    } else {
        (None, None)
    };
    let address = stated.or(own_address).map(truncate_address);
    let user_agent = own_user_agent.filter(|_| !has_user_agent);
    if !has_address && address.is_none() && user_agent.is_none() {
        return Cow::Borrowed(context);
    }
    compose(&members, address, user_agent, context.len())
}

fn compose(
    members: &[(&str, &str)],
    address: Option<IpAddr>,
    user_agent: Option<&str>,
    size: usize,
) -> Cow<'static, str> {
    let added = user_agent.map_or(0, str::len) + 64;
    let mut out = Vec::with_capacity(size + added);
    let mut separator = b'{';
    for (name, value) in members {
        out.push(separator);
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
        separator = b',';
    }
    if let Some(address) = address {
        out.push(separator);
        out.extend_from_slice(b"\"ip\":");
        push_string(&mut out, &address.to_string());
        separator = b',';
    }
    if let Some(user_agent) = user_agent {
        out.push(separator);
        out.extend_from_slice(b"\"userAgent\":");
        push_string(&mut out, user_agent);
        separator = b',';
    }
    if separator == b'{' {
        return Cow::Borrowed("");
    }
    out.push(b'}');
    Cow::Owned(
        String::from_utf8(out).expect("all parts are text, and cut at borders of characters"),
    )
}

fn address(raw: &str) -> Option<IpAddr> {
    unquote(raw)?.trim().parse().ok()
}
