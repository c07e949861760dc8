//! ClickHouse's own engine on loopback, over ClickHouse's HTTP interface.
