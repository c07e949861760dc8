//! Values of events in the dimensions: what people can be split by without looking into properties.

use std::sync::Arc;

use etappe_core::ledger::LEDGER_DIMENSIONS;
use etappe_core::query::Dimension;
use etappe_core::value::text_spelling;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// The number of dimensions.
pub(crate) const DIMENSIONS: usize = LEDGER_DIMENSIONS.len();

/// A run with more values in a dimension, or more text of them, does not hold the dimension: the
/// values are in memory while the run is in use.
const MOST_VALUES: usize = 10_000;
const MOST_BYTES: usize = 1 << 20;

/// An event's codes in the dimensions, in the order of [`LEDGER_DIMENSIONS`].
pub(crate) type Codes = [u16; DIMENSIONS];

/// The values in each dimension, by code; none where a run has too many.
pub(crate) type RunValues = [Option<Vec<String>>; DIMENSIONS];

/// Returns the place of a dimension; `None` of a property.
pub(crate) fn place_of(dimension: &Dimension) -> Option<usize> {
    LEDGER_DIMENSIONS
        .iter()
        .position(|known| known == dimension)
}

/// Returns the bytes of a code in each dimension: none where there are fewer than two values.
pub(crate) fn widths(values: &RunValues) -> [usize; DIMENSIONS] {
    let width = |values: &Option<Vec<String>>| match values.as_ref().map_or(0, Vec::len) {
        0 | 1 => 0,
        2..=0x100 => 1,
        _ => 2,
    };
    std::array::from_fn(|place| values.get(place).map_or(0, width))
}

/// Returns the memory that values take, roughly.
pub(crate) fn memory(values: &RunValues) -> usize {
    let values = values.iter().flatten().flatten();
    values.map(|value| size_of::<String>() + value.len()).sum()
}

/// Returns the spelling of each value as questions show it, by code; none for the empty one.
pub(crate) fn spellings(values: &[String]) -> Vec<Option<Arc<str>>> {
    let spelling = |value: &String| (!value.is_empty()).then(|| text_spelling(value).into());
    values.iter().map(spelling).collect()
}

/// The values in all dimensions while a run is built.
#[derive(Debug, Default)]
pub(crate) struct ValueTables([ValueTable; DIMENSIONS]);

impl ValueTables {
    /// Returns the codes of a row's values.
    pub(crate) fn codes_of(&mut self, values: &[&str; DIMENSIONS]) -> Codes {
        let mut codes = [0; DIMENSIONS];
        for ((code, table), value) in codes.iter_mut().zip(&mut self.0).zip(values) {
            *code = table.code_of(value);
        }
        codes
    }

    /// Takes over the values of a run and returns, per dimension, the code here of each of its codes.
    pub(crate) fn take_over(&mut self, values: &RunValues) -> [Vec<u16>; DIMENSIONS] {
        let mut taken = [const { Vec::new() }; DIMENSIONS];
        for ((codes, table), values) in taken.iter_mut().zip(&mut self.0).zip(values) {
            match values {
                Some(values) => codes.extend(values.iter().map(|value| table.code_of(value))),
                None => table.overflow(),
            }
        }
        taken
    }

    pub(crate) fn into_values(self) -> RunValues {
        self.0.map(|table| (!table.is_over).then_some(table.values))
    }
}

/// The values in a dimension, found by their text.
#[derive(Debug, Default)]
struct ValueTable {
    values: Vec<String>,
    codes: HashTable<u16>,
    bytes: usize,
    is_over: bool,
}

impl ValueTable {
    /// Returns the code of a value, a new one if the value is new.
    fn code_of(&mut self, value: &str) -> u16 {
        if self.is_over {
            return 0;
        }
        let Self { values, codes, .. } = self;
        let text = |code: &u16| values.get(usize::from(*code)).map_or("", String::as_str);
        let hash = xxh3_64(value.as_bytes());
        if let Some(code) = codes.find(hash, |code| text(code) == value) {
            return *code;
        }
        let new = u16::try_from(values.len()).ok();
        let new = new.filter(|_| values.len() < MOST_VALUES && self.bytes < MOST_BYTES);
        let Some(new) = new else {
            self.overflow();
            return 0;
        };
        codes.insert_unique(hash, new, |code| xxh3_64(text(code).as_bytes()));
        self.bytes += value.len();
        self.values.push(value.to_owned());
        new
    }

    fn overflow(&mut self) {
        *self = Self {
            is_over: true,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunPlan;

    #[test]
    fn a_dimension_with_too_many_values_is_not_held() {
        let mut tables = ValueTables::default();
        for number in 0..=MOST_VALUES {
            let value = number.to_string();
            tables.codes_of(&["email", &value, "", "", "", ""]);
        }
        let values = tables.into_values();
        assert_eq!(values[0], Some(vec!["email".to_owned()]));
        assert_eq!(values[1], None);
        let plan = RunPlan::new(Vec::new(), values.clone());
        assert!(plan.holds(&[0, 2]) && !plan.holds(&[0, 1]));
        assert_eq!(widths(&values), [0; DIMENSIONS]);
        let mut merged = ValueTables::default();
        merged.codes_of(&["ads", "spring", "", "", "", ""]);
        let taken = merged.take_over(&values);
        assert_eq!((&taken[0][..], &taken[1][..]), (&[1][..], &[][..]));
        assert_eq!(merged.into_values()[1], None, "one run has too many");
    }

    #[test]
    fn much_text_is_too_much() {
        let mut tables = ValueTables::default();
        let long = "x".repeat(MOST_BYTES);
        for value in ["short", &long, "shorter"] {
            tables.codes_of(&[value, "", "", "", "", ""]);
        }
        assert_eq!(tables.into_values()[0], None);
    }
}
