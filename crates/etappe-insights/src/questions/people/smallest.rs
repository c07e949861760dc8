//! Keeps the smallest of many numbers, in bounded memory.

use std::collections::BinaryHeap;

/// The smallest of the numbers offered.
pub(super) struct Smallest {
    most: usize,
    kept: BinaryHeap<u64>,
}

impl Smallest {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            kept: BinaryHeap::new(),
        }
    }

    pub(super) fn offer(&mut self, number: u64) {
        if self.kept.len() < self.most {
            self.kept.push(number);
        } else if let Some(mut largest) = self.kept.peek_mut()
            && number < *largest
        {
            *largest = number;
        }
    }

    /// Returns at most `limit` numbers in ascending order, and whether there are more.
    pub(super) fn finish(self, limit: usize) -> (Vec<u64>, bool) {
        let mut numbers = self.kept.into_sorted_vec();
        let has_more = numbers.len() > limit;
        numbers.truncate(limit);
        (numbers, has_more)
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
