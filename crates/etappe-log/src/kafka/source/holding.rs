//! The partitions this consumer holds, between the group that assigns them and the application that
//! works on them.
//!
//! Invariants:
//!
//! - The application is told of a new assignment of a partition only after it released the previous
//!   one. Otherwise two workers could process the same partition.
//! - Once a partition was given back to the group, [`Holdings::find`] no longer returns its
//!   assignment, so nothing can be read or committed with it.
//!
//! Traps:
//!
//! - The group may stop waiting before the application releases the partition ([`Stage::Overdue`]).
//!   If the partition is then assigned again, that assignment waits for the release.
//! - A revocation before the application was told of the assignment cancels the notice: the
//!   application hears of neither.
//!
//! Pure bookkeeping: no client, no clock, no waiting.

use std::collections::{BTreeMap, VecDeque};

use etappe_core::id::PartitionId;

/// What to tell the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    Assigned(PartitionId),
    Revoked(PartitionId),
}

#[derive(Debug)]
enum Stage<T> {
    /// The group assigned it; the application has not been told yet.
    Announced(T),
    /// The application is working on it.
    Held(T),
    /// The group wants it back. The application may still finish.
    Leaving(T),
    /// The group took it back although the application has not released it. Holds the new
    /// assignment if it was assigned again meanwhile.
    Overdue(Option<T>),
}

/// The partitions this consumer holds, each with a `T`.
#[derive(Debug)]
pub(super) struct Holdings<T> {
    partitions: BTreeMap<PartitionId, Stage<T>>,
    notices: VecDeque<Notice>,
}

impl<T> Default for Holdings<T> {
    fn default() -> Self {
        Self {
            partitions: BTreeMap::new(),
            notices: VecDeque::new(),
        }
    }
}

impl<T: Clone> Holdings<T> {
    /// Records that the group assigned a partition.
    pub(super) fn assign(&mut self, partition: PartitionId, what: T) {
        match self.partitions.get_mut(&partition) {
            Some(Stage::Overdue(next)) => *next = Some(what),
            Some(_) | None => self.announce(partition, what),
        }
    }

    fn announce(&mut self, partition: PartitionId, what: T) {
        self.partitions.insert(partition, Stage::Announced(what));
        self.notices.push_back(Notice::Assigned(partition));
    }

    /// Records that the group wants a partition back.
    pub(super) fn revoke(&mut self, partition: PartitionId) {
        match self.partitions.remove(&partition) {
            Some(Stage::Held(what) | Stage::Leaving(what)) => {
                self.partitions.insert(partition, Stage::Leaving(what));
                self.notices.push_back(Notice::Revoked(partition));
            }
            Some(Stage::Announced(_)) => {
                let notice = Notice::Assigned(partition);
                self.notices.retain(|waiting| *waiting != notice);
            }
            Some(Stage::Overdue(_)) => {
                self.partitions.insert(partition, Stage::Overdue(None));
            }
            None => {}
        }
    }

    /// Returns whether the group wants a partition back that the application still holds.
    pub(super) fn is_leaving(&self, partition: PartitionId) -> bool {
        matches!(self.partitions.get(&partition), Some(Stage::Leaving(_)))
    }

    /// Records that the group stopped waiting for the release.
    pub(super) fn give_up_waiting(&mut self, partition: PartitionId) {
        if self.is_leaving(partition) {
            self.partitions.insert(partition, Stage::Overdue(None));
        }
    }

    /// Records that the application released a partition.
    pub(super) fn release(&mut self, partition: PartitionId) {
        match self.partitions.remove(&partition) {
            Some(Stage::Overdue(Some(next))) => self.announce(partition, next),
            Some(announced @ Stage::Announced(_)) => {
                self.partitions.insert(partition, announced);
            }
            Some(Stage::Held(_) | Stage::Leaving(_) | Stage::Overdue(None)) | None => {}
        }
        let notice = Notice::Revoked(partition);
        self.notices.retain(|waiting| *waiting != notice);
    }

    /// Takes the next notice for the application, which counts as told from here on.
    pub(super) fn next_notice(&mut self) -> Option<(Notice, Option<T>)> {
        let notice = self.notices.pop_front()?;
        let what = match notice {
            Notice::Revoked(_) => None,
            Notice::Assigned(partition) => match self.partitions.remove(&partition) {
                Some(Stage::Announced(what)) => {
                    self.partitions.insert(partition, Stage::Held(what.clone()));
                    Some(what)
                }
                Some(other) => {
                    self.partitions.insert(partition, other);
                    None
                }
                None => None,
            },
        };
        Some((notice, what))
    }

    /// Returns the `T` of a partition that the application is working on.
    pub(super) fn find(&self, partition: PartitionId) -> Option<&T> {
        match self.partitions.get(&partition) {
            Some(Stage::Held(what) | Stage::Leaving(what)) => Some(what),
            Some(Stage::Announced(_) | Stage::Overdue(_)) | None => None,
        }
    }

    /// Returns the `T` of every partition.
    pub(super) fn into_all(self) -> impl Iterator<Item = T> {
        self.partitions
            .into_values()
            .filter_map(|stage| match stage {
                Stage::Announced(what) | Stage::Held(what) | Stage::Leaving(what) => Some(what),
                Stage::Overdue(next) => next,
            })
    }

    /// Returns the partitions that the group has assigned.
    pub(super) fn partitions(&self) -> Vec<PartitionId> {
        self.partitions.keys().copied().collect()
    }

    /// Returns how many partitions the group has assigned.
    pub(super) fn assigned(&self) -> usize {
        let is_ours = |stage: &&Stage<T>| !matches!(stage, Stage::Overdue(None));
        self.partitions.values().filter(is_ours).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: PartitionId = PartitionId(3);

    fn told(holdings: &mut Holdings<u32>) -> Vec<(Notice, Option<u32>)> {
        std::iter::from_fn(|| holdings.next_notice()).collect()
    }

    #[test]
    fn a_partition_comes_and_goes() {
        let mut holdings = Holdings::default();
        holdings.assign(P, 1);
        assert_eq!(holdings.find(P), None, "nobody was told yet");
        assert_eq!(told(&mut holdings), [(Notice::Assigned(P), Some(1))]);
        assert_eq!(holdings.find(P), Some(&1));
        holdings.revoke(P);
        assert!(holdings.is_leaving(P));
        assert_eq!(holdings.find(P), Some(&1), "it may finish");
        assert_eq!(told(&mut holdings), [(Notice::Revoked(P), None)]);
        holdings.release(P);
        assert!(!holdings.is_leaving(P));
        assert_eq!(holdings.find(P), None);
    }

    #[test]
    fn an_assignment_that_was_not_reported_is_not_revoked() {
        let mut holdings = Holdings::default();
        holdings.assign(P, 1);
        holdings.revoke(P);
        assert!(!holdings.is_leaving(P));
        assert_eq!(told(&mut holdings), []);
    }

    #[test]
    fn a_partition_is_not_assigned_again_before_it_is_released() {
        let mut holdings = Holdings::default();
        holdings.assign(P, 1);
        told(&mut holdings);
        holdings.revoke(P);
        holdings.give_up_waiting(P);
        assert_eq!(holdings.find(P), None, "what was taken away is gone");
        assert_eq!(holdings.assigned(), 0);
        holdings.assign(P, 2);
        assert_eq!(holdings.find(P), None);
        assert_eq!(told(&mut holdings), [(Notice::Revoked(P), None)]);
        holdings.release(P);
        assert_eq!(told(&mut holdings), [(Notice::Assigned(P), Some(2))]);
        assert_eq!(holdings.find(P), Some(&2));
    }

    #[test]
    fn a_second_assignment_that_waits_can_be_taken_back() {
        let mut holdings = Holdings::default();
        holdings.assign(P, 1);
        told(&mut holdings);
        holdings.revoke(P);
        holdings.give_up_waiting(P);
        holdings.assign(P, 2);
        holdings.revoke(P);
        told(&mut holdings);
        holdings.release(P);
        assert_eq!(told(&mut holdings), []);
        holdings.assign(P, 3);
        assert_eq!(told(&mut holdings), [(Notice::Assigned(P), Some(3))]);
    }

    #[test]
    fn a_released_partition_is_revoked_without_waiting() {
        let mut holdings = Holdings::default();
        holdings.assign(P, 1);
        told(&mut holdings);
        holdings.release(P);
        holdings.revoke(P);
        assert!(!holdings.is_leaving(P));
        assert_eq!(told(&mut holdings), []);
    }
}
