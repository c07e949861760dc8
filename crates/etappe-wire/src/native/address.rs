//! Shortens internet addresses, so that the log never holds one that points at a person.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns `address` without the part that tells one client of a network from another: an IPv4
/// address without its last byte, an IPv6 address without all but its first 48 bits. An IPv4
/// address inside an IPv6 one is treated as what it is.
#[must_use]
pub fn truncate_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_address_is_cut_off() {
        for (address, expected) in [
            ("203.0.113.77", "203.0.113.0"),
            ("0.0.0.0", "0.0.0.0"),
            ("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234::"),
            ("::1", "::"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(truncate_address(address).to_string(), expected);
        }
    }
}
