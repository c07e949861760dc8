//! Which partitions this consumer holds, between the group that assigns them and the application
//! that works on them. Pure bookkeeping: no client, no clock, no waiting.
//!
//! Invariants: the application is given a partition only after it released the one it had before;
//! after a partition was taken away nobody finds what belonged to it.

use std::collections::{BTreeMap, VecDeque};

use etappe_core::id::PartitionId;

/// What the application is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    Assigned(PartitionId),
    Revoked(PartitionId),
}

#[derive(Debug)]
enum Stage<T> {
    /// The group assigned it; the application has not been told yet.
    Announced(T),
    /// The application works on it.
    Held(T),
    /// The group wants it back; the application may still finish.
    Leaving(T),
    /// The group has it back, although the application did not let go. If it was assigned again
    /// meanwhile, that waits.
    Overdue(Option<T>),
}

/// The partitions that this consumer holds, each with a `T`.
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

    /// Returns whether the application still has a partition that the group wants back.
    pub(super) fn is_leaving(&self, partition: PartitionId) -> bool {
        matches!(self.partitions.get(&partition), Some(Stage::Leaving(_)))
    }

    /// Records that the group did not wait any longer.
    pub(super) fn give_up_waiting(&mut self, partition: PartitionId) {
        if self.is_leaving(partition) {
            self.partitions.insert(partition, Stage::Overdue(None));
        }
    }

    /// Records that the application let a partition go.
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

    /// Takes the next thing that the application is to be told; it is told from here on.
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

    /// Returns what belongs to a partition that the application works on.
    pub(super) fn find(&self, partition: PartitionId) -> Option<&T> {
        match self.partitions.get(&partition) {
            Some(Stage::Held(what) | Stage::Leaving(what)) => Some(what),
            Some(Stage::Announced(_) | Stage::Overdue(_)) | None => None,
        }
    }

    /// Returns everything that belongs to any partition.
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
    fn what_was_not_told_is_not_taken_back() {
        let mut holdings = Holdings::default();
        holdings.assign(P, 1);
        holdings.revoke(P);
        assert!(!holdings.is_leaving(P));
        assert_eq!(told(&mut holdings), []);
    }

    #[test]
    fn who_does_not_let_go_is_given_nothing_new() {
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
    fn a_partition_given_up_by_itself_needs_no_waiting() {
        let mut holdings = Holdings::default();
        holdings.assign(P, 1);
        told(&mut holdings);
        holdings.release(P);
        holdings.revoke(P);
        assert!(!holdings.is_leaving(P));
        assert_eq!(told(&mut holdings), []);
    }
}
