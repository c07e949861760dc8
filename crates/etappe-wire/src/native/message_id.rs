//! Ids for messages that come without one.

use uuid::Uuid;

/// The random bits at the end of a UUIDv7.
const RANDOM_BITS: u128 = (1 << 62) - 1;

/// Returns the id of the message at `index` of a request whose first id is `first`.
///
/// Random bits are drawn once per request. Its messages count up from there, so their ids sort in
/// the order in which the messages were sent.
pub(crate) fn fresh_id(first: Uuid, index: usize) -> String {
    let bits = first.as_u128();
    let random = bits.wrapping_add(u128::try_from(index).unwrap_or_default()) & RANDOM_BITS;
    Uuid::from_u128(bits & !RANDOM_BITS | random).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_request_differ_and_stay_version_7() {
        let first = Uuid::from_u128(0x018d_0000_0000_7abc_bfff_ffff_ffff_ffff);
        assert_eq!(fresh_id(first, 0), first.to_string());
        let second = Uuid::parse_str(&fresh_id(first, 1)).unwrap();
        assert_eq!(second.as_u128(), 0x018d_0000_0000_7abc_8000_0000_0000_0000);
        assert_eq!(second.get_version_num(), 7);
    }
}
