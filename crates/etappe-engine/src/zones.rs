//! Limits the time zones that readers use: the engine keeps a table for each until it ends.

use std::collections::HashSet;

use chrono_tz::Tz;
use parking_lot::Mutex;

use crate::exception::{Exception, code};

/// How many time zones readers may use while the engine runs; a table takes about 4.5 MiB.
const MAX_ZONES: usize = 40;

/// The time zones that readers have used.
#[derive(Debug, Default)]
pub(crate) struct ReaderZones(Mutex<HashSet<Tz>>);

impl ReaderZones {
    /// Records time zones, or refuses them if there would be too many.
    pub(crate) fn admit(&self, zones: &[Tz]) -> Result<(), Exception> {
        let mut known = self.0.lock();
        for zone in zones {
            if known.len() >= MAX_ZONES && !known.contains(zone) {
                let text = format!(
                    "readers have named {MAX_ZONES} time zones since the engine was started, and each \
                     costs memory until it ends: convert to `{}` outside. (LIMIT_EXCEEDED)",
                    zone.name()
                );
                return Err(Exception::new(code::LIMIT_EXCEEDED, text));
            }
            known.insert(*zone);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_zones_stay_when_the_cache_is_full() {
        let zones = ReaderZones::default();
        let all = chrono_tz::TZ_VARIANTS;
        assert!(all.len() > MAX_ZONES);
        for zone in &all[..MAX_ZONES] {
            zones.admit(&[*zone]).unwrap();
        }
        zones.admit(&all[..MAX_ZONES]).unwrap();
        let refused = zones.admit(&all[MAX_ZONES..]).unwrap_err();
        assert!(refused.text.contains("convert to"), "{}", refused.text);
    }
}
