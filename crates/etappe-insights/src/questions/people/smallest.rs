//! Keeps the smallest of many values, in bounded memory.

use std::collections::BinaryHeap;

/// The smallest of the values offered.
pub(super) struct Smallest<T> {
    most: usize,
    kept: BinaryHeap<T>,
}

impl<T: Ord> Smallest<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            kept: BinaryHeap::new(),
        }
    }

    pub(super) fn offer(&mut self, value: T) {
        if self.kept.len() < self.most {
            self.kept.push(value);
        } else if let Some(mut largest) = self.kept.peek_mut()
            && value < *largest
        {
            *largest = value;
        }
    }

    /// Returns at most `limit` values in ascending order, and whether there are more.
    pub(super) fn finish(self, limit: usize) -> (Vec<T>, bool) {
        let mut values = self.kept.into_sorted_vec();
        let has_more = values.len() > limit;
        values.truncate(limit);
        (values, has_more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_smallest_are_kept_in_order() {
        let mut smallest = Smallest::new(3);
        [9, 4, 7, 1, 8, 2]
            .into_iter()
            .for_each(|it| smallest.offer(it));
        assert_eq!(smallest.finish(2), (vec![1, 2], true));
        let mut smallest = Smallest::new(3);
        [5, 4].into_iter().for_each(|it| smallest.offer(it));
        assert_eq!(smallest.finish(2), (vec![4, 5], false));
    }
}
