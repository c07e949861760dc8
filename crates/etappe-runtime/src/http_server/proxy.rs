//! Decides which peers are own proxies.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks that own proxies connect from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies(Vec<IpNet>);

/// A text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: write an address, or a network such as 10.0.0.0/8 or fd00::/8")]
pub struct InvalidNetwork(pub String);

/// A request extension: the request came through an own proxy, whose headers can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViaProxy;

impl Proxies {
    /// Returns an empty set: every peer is a client.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Parses addresses and networks.
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn parse(networks: &[String]) -> Result<Self, InvalidNetwork> {
        let parse = |text: &String| {
            let bare = text.trim();
            bare.parse::<IpNet>()
                .or_else(|_| bare.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| InvalidNetwork(text.clone()))
        };
        networks
            .iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_within_the_networks_are_proxies() {
        let networks = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"].map(str::to_owned);
        let proxies = Proxies::parse(&networks).unwrap();
        let is_proxy = |text: &str| proxies.contains(text.parse().unwrap());
        for proxy in ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "fd12::1"] {
            assert!(is_proxy(proxy), "{proxy}");
        }
        for client in ["11.0.0.1", "192.0.2.8", "2001:db8::1", "::1"] {
            assert!(!is_proxy(client), "{client}");
        }
        assert!(!Proxies::none().contains("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_text_that_is_no_network_is_named() {
        let problem = Proxies::parse(&["10.0.0.0/8".to_owned(), "proxy.example".to_owned()]);
        assert_eq!(problem, Err(InvalidNetwork("proxy.example".to_owned())));
    }
}
