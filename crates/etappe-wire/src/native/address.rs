//! Truncates IP addresses, so that the log never contains one that identifies a person.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns `address` without the part that identifies one client of a network: an IPv4 address
/// without its last byte, an IPv6 address with only its first 48 bits. An IPv4 address inside an
/// IPv6 one is truncated like IPv4, both if it is mapped and if it lies within the first 48 bits,
/// as in 6to4.
#[must_use]
pub fn truncate_address(address: IpAddr) -> IpAddr {
    /// The first 16 bits of 6to4; the 32 after them are an IPv4 address.
    const SIX_TO_FOUR: u16 = 0x2002;
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            let c = if a == SIX_TO_FOUR { c & 0xff00 } else { c };
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// Reads an IP address as programs write it: with a port, in brackets, with a zone or a prefix
/// length, with leading zeros. Only white space and quotes may surround it.
pub(super) fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    // The longest is an IPv6 address that ends in an IPv4 address, with a zone and a port.
    if text.len() < 2 || text.len() > 100 {
        return None;
    }
    let (text, is_bracketed) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, port) = rest.split_once(']')?;
            let port = port.strip_prefix(':').unwrap_or(port);
            let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
            (is_port.then_some(inside)?, true)
        }
        None => (text, false),
    };
    let (text, length) = text.split_once('/').unwrap_or((text, ""));
    if length.len() > 3 || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (text, zone) = text.split_once('%').unwrap_or((text, ""));
    if zone.contains(char::is_whitespace) {
        return None;
    }
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Some(IpAddr::V6(v6));
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && !is_bracketed).then(|| read_v4(host)).flatten()
}

/// Reads four numbers up to 255, which may have leading zeros.
fn read_v4(text: &str) -> Option<IpAddr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let is_number = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        *octet = is_number.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(IpAddr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_address_is_truncated() {
        for (address, expected) in [
            ("203.0.113.77", "203.0.113.0"),
            ("0.0.0.0", "0.0.0.0"),
            ("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234::"),
            ("::1", "::"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            // 6to4, translated, compatible, Teredo: 203.0.113.77 is cb00:714d.
            ("2002:cb00:714d::1", "2002:cb00:7100::"),
            ("64:ff9b::203.0.113.77", "64:ff9b::"),
            ("64:ff9b:1::203.0.113.77", "64:ff9b:1::"),
            ("::ffff:0:203.0.113.77", "::"),
            ("::203.0.113.77", "::"),
            ("2001:0:4136:e378:8000:63bf:34ff:8eb2", "2001:0:4136::"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(truncate_address(address).to_string(), expected);
        }
    }

    #[test]
    fn an_address_is_read_in_every_notation() {
        for (text, expected) in [
            ("203.0.113.77", "203.0.113.77"),
            (" 203.0.113.77\n", "203.0.113.77"),
            ("\"203.0.113.77\"", "203.0.113.77"),
            ("203.000.113.077", "203.0.113.77"),
            ("203.0.113.77:8080", "203.0.113.77"),
            ("203.0.113.77/32", "203.0.113.77"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25en0]:80", "fe80::1"),
            ("2001:db8::/48", "2001:db8::"),
            ("::FFFF:203.0.113.77", "::ffff:203.0.113.77"),
        ] {
            assert_eq!(read_address(text), expected.parse().ok(), "{text}");
        }
        for text in [
            "",
            "1",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3.x",
            "12:30:45",
            "1.2.3.4:http",
            "[1.2.3.4]",
            "203.0.113.77 is",
            "aa:bb:cc:dd:ee:ff",
            "1.2.3.4/1234",
            ":",
            "::1::",
            "10:20",
        ] {
            assert_eq!(read_address(text), None, "{text}");
        }
    }
}
