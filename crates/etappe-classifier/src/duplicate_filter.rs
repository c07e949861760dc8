//! Remembers stored messages compactly, without false negatives.
//!
//! The filter consists of generations of blocked Bloom filters, each for an equal share of the
//! window. Messages go into the newest generation. When it is full, a new one is started and the
//! oldest dropped, so the latest `messages` are always covered, and up to a quarter more. A block
//! is one cache line, with one bit set in each of its words. A hit is only a suspicion; the
//! database decides. Pure: no clock, no lock.

use std::collections::VecDeque;

use etappe_core::ports::MessageHash;

/// The number of full generations that cover the window; one more is being filled.
const GENERATIONS: usize = 4;

/// Bytes of a block.
const BLOCK_BYTES: usize = size_of::<Block>();

type Block = [u64; 8];

/// One multiplier per word of a block; odd, so that no bit of the hash is lost.
const SALTS: [u32; 8] = [
    0x9e37_79b1,
    0x85eb_ca6b,
    0xc2b2_ae35,
    0x27d4_eb2f,
    0x1656_67b1,
    0xd3a2_646d,
    0xfd70_46c5,
    0xb55a_4f09,
];

/// Tells whether a message may be among the latest stored ones.
#[derive(Debug)]
pub struct DuplicateFilter {
    /// The newest first.
    generations: VecDeque<Generation>,
    blocks: usize,
    capacity: u64,
}

/// The messages of one share of the window.
#[derive(Debug)]
struct Generation {
    blocks: Vec<Block>,
    count: u64,
}

impl DuplicateFilter {
    /// Makes an empty filter that covers the latest `messages` in at most `bytes`.
    #[must_use]
    pub fn new(bytes: usize, messages: u64) -> Self {
        let generations = u64::try_from(GENERATIONS).expect("a small number");
        let mut filter = Self {
            generations: VecDeque::with_capacity(GENERATIONS + 1),
            blocks: (bytes / BLOCK_BYTES / (GENERATIONS + 1)).max(1),
            capacity: messages.div_ceil(generations).max(1),
        };
        filter.begin_generation();
        filter
    }

    /// Returns whether `hash` may have been inserted; false is certain.
    #[must_use]
    pub fn contains(&self, hash: MessageHash) -> bool {
        self.generations
            .iter()
            .any(|generation| generation.contains(hash))
    }

    /// Remembers `hash`.
    pub fn insert(&mut self, hash: MessageHash) {
        let is_full = self
            .generations
            .front()
            .is_none_or(|newest| newest.count >= self.capacity);
        if is_full {
            self.begin_generation();
        }
        if let Some(newest) = self.generations.front_mut() {
            newest.insert(hash);
        }
    }

    /// Returns how many bytes the filter has reserved so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.generations.len() * self.blocks * BLOCK_BYTES
    }

    fn begin_generation(&mut self) {
        self.generations.truncate(GENERATIONS);
        self.generations.push_front(Generation::new(self.blocks));
    }
}

impl Generation {
    fn new(blocks: usize) -> Self {
        Self {
            blocks: vec![[0; 8]; blocks],
            count: 0,
        }
    }

    fn contains(&self, hash: MessageHash) -> bool {
        let block = self.blocks.get(place(hash, self.blocks.len()));
        block.is_some_and(|block| {
            let bits = bits(hash);
            block.iter().zip(bits).all(|(word, bit)| word & bit != 0)
        })
    }

    fn insert(&mut self, hash: MessageHash) {
        let place = place(hash, self.blocks.len());
        if let Some(block) = self.blocks.get_mut(place) {
            for (word, bit) in block.iter_mut().zip(bits(hash)) {
                *word |= bit;
            }
        }
        self.count += 1;
    }
}

/// Returns the block of a hash: its upper half, scaled to the number of blocks.
fn place(hash: MessageHash, blocks: usize) -> usize {
    let blocks = u64::try_from(blocks).expect("an address fits");
    let scaled = (u128::from(hash.0 >> 32) * u128::from(blocks)) >> 32;
    usize::try_from(scaled).expect("less than the number of blocks")
}

/// Returns the bit of each word of a block, from the hash's lower half.
fn bits(hash: MessageHash) -> Block {
    let [a, b, c, d, ..] = hash.0.to_le_bytes();
    let low = u32::from_le_bytes([a, b, c, d]);
    SALTS.map(|salt| 1 << (low.wrapping_mul(salt) >> 26))
}

/// Rebuilds a filter from the database, newest messages first.
///
/// The database lists the latest N messages in no order. The rebuild asks for ever longer lists:
/// first the newest share of the window, then the two newest, and so on. The messages that are new
/// in each list belong to the next older generation.
#[derive(Debug)]
pub(crate) struct FilterRebuild {
    filter: DuplicateFilter,
    older: Option<Generation>,
    step: usize,
    seen: u64,
}

impl FilterRebuild {
    /// Begins to rebuild a filter with the limits of [`DuplicateFilter::new`].
    #[must_use]
    pub(crate) fn new(bytes: usize, messages: u64) -> Self {
        let mut filter = DuplicateFilter::new(bytes, messages);
        filter.generations.clear();
        Self {
            filter,
            older: None,
            step: 0,
            seen: 0,
        }
    }

    /// Begins the next list and returns its maximum length, or `None` when the filter is complete.
    /// After an error in the middle of a list, call [`Self::begin_again`].
    pub(crate) fn next_list(&mut self) -> Option<u64> {
        let was_whole = self.step > 0 && self.seen < self.limit();
        self.filter.generations.extend(self.older.take());
        if was_whole || self.step == GENERATIONS {
            return None;
        }
        self.step += 1;
        self.begin_again();
        Some(self.limit())
    }

    /// Discards what was visited of the current list.
    pub(crate) fn begin_again(&mut self) {
        self.seen = 0;
        self.older = Some(Generation::new(self.filter.blocks));
    }

    /// Takes a message of the current list.
    pub(crate) fn visit(&mut self, hash: MessageHash) {
        self.seen += 1;
        // Messages that a newer generation may hold stay covered for longer than necessary.
        if let Some(older) = self.older.as_mut()
            && !self.filter.contains(hash)
        {
            older.insert(hash);
        }
    }

    /// Returns the filter.
    #[must_use]
    pub(crate) fn finish(mut self) -> DuplicateFilter {
        self.filter.generations.extend(self.older.take());
        self.filter.begin_generation();
        self.filter
    }

    fn limit(&self) -> u64 {
        let step = u64::try_from(self.step).expect("a small number");
        self.filter.capacity.saturating_mul(step)
    }
}

#[cfg(test)]
mod tests;
