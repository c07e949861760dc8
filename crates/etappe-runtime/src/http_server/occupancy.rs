//! Counts open connections, in total and per network, and enforces the limits.
//!
//! A network is an IPv4 address or the first 64 bits of an IPv6 address. That is what one
//! subscriber gets, so different addresses within it are not different clients.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// The open connections; clones share the count.
#[derive(Debug, Clone)]
pub(super) struct Occupancy(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    network_limit: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    /// Holds only networks with connections, so never more entries than connections.
    networks: HashMap<Network, usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The limit of all connections.
    Everywhere,
    /// The limit of one network.
    Network,
}

/// One connection's place; released on drop.
#[derive(Debug)]
pub(super) struct Place {
    occupancy: Occupancy,
    network: Option<Network>,
}

impl Occupancy {
    pub(super) fn new(limit: usize, network_limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit,
            network_limit,
            open: Mutex::default(),
        }))
    }

    /// Takes a place for a connection from an address; one without an address counts only in total.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Result<Place, Full> {
        let network = address.map(Network::of);
        let mut open = self.0.open.lock();
        // Check the network's own limit first, so that a client above it learns of that.
        if let Some(network) = network {
            let held = open.networks.get(&network).copied().unwrap_or(0);
            if held >= self.0.network_limit {
                return Err(Full::Network);
            }
        }
        if open.total >= self.0.limit {
            return Err(Full::Everywhere);
        }
        open.total += 1;
        if let Some(network) = network {
            *open.networks.entry(network).or_default() += 1;
        }
        drop(open);
        Ok(Place {
            occupancy: self.clone(),
            network,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.occupancy.0.open.lock();
        open.total -= 1;
        let Some(network) = self.network else {
            return;
        };
        if let Some(held) = open.networks.get_mut(&network) {
            *held -= 1;
            if *held == 0 {
                open.networks.remove(&network);
            }
        }
    }
}

impl Network {
    fn of(address: IpAddr) -> Self {
        let of_v6 = |address: Ipv6Addr| {
            let [a, b, c, d, ..] = address.segments();
            Self::V6([a, b, c, d])
        };
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => address
                .to_ipv4_mapped()
                .map_or_else(|| of_v6(address), Self::V4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(occupancy: &Occupancy, address: &str) -> Result<Place, Full> {
        occupancy.take(Some(address.parse().unwrap()))
    }

    #[test]
    fn one_network_reaches_its_limit_and_another_is_served() {
        let occupancy = Occupancy::new(10, 2);
        let held = [take(&occupancy, "192.0.2.1"), take(&occupancy, "192.0.2.1")];
        assert_eq!(take(&occupancy, "192.0.2.1").unwrap_err(), Full::Network);
        // The same address in its IPv6 form counts as the same network.
        let mapped = take(&occupancy, "::ffff:192.0.2.1").unwrap_err();
        assert_eq!(mapped, Full::Network);
        assert!(take(&occupancy, "192.0.2.2").is_ok());
        drop(held);
        assert!(take(&occupancy, "192.0.2.1").is_ok());
    }

    #[test]
    fn addresses_of_one_ipv6_subscriber_are_one_network() {
        let occupancy = Occupancy::new(10, 1);
        let _held = take(&occupancy, "2001:db8:1:2::1").unwrap();
        let same = take(&occupancy, "2001:db8:1:2:ffff::9").unwrap_err();
        assert_eq!(same, Full::Network);
        assert!(take(&occupancy, "2001:db8:1:3::1").is_ok());
    }

    #[test]
    fn own_proxies_count_in_all_only() {
        let occupancy = Occupancy::new(3, 1);
        let held = [occupancy.take(None), occupancy.take(None)];
        let third = take(&occupancy, "192.0.2.1").unwrap();
        assert_eq!(occupancy.take(None).unwrap_err(), Full::Everywhere);
        assert_eq!(take(&occupancy, "192.0.2.2").unwrap_err(), Full::Everywhere);
        drop((held, third));
        let open = occupancy.0.open.lock();
        assert!(open.total == 0 && open.networks.is_empty());
    }
}
