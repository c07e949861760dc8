//! A model of the server: tables with parts by month, and notes of tokens.
//!
//! It stores an insert part by part, in any order of tables and months. It notes the token of a
//! part before it puts the part in place. Queries see both at once, but a kill may fall between
//! them.

use std::collections::{BTreeMap, BTreeSet};

use etappe_testkit::draw::Draw;

use super::*;

pub(super) const BATCH: &str = "topic:0:10-15";
const TABLES: [Table; 3] = [Table::Messages, Table::Events, Table::Money];
const FIRST: u64 = 10;
const LAST: u64 = 15;

/// A table and a month.
type Cell = (Table, u64);

#[derive(Debug)]
struct Note {
    token: String,
    cell: Cell,
    is_synced: bool,
}

#[derive(Debug)]
struct Part {
    cell: Cell,
    offsets: Vec<Offset>,
    is_synced: bool,
}

/// An insert in transit or running.
#[derive(Debug)]
struct Insert {
    id: u64,
    /// A pending insert: its table, its rows and its token.
    left: Vec<(Cell, Vec<Offset>, String)>,
    has_begun: bool,
}

#[derive(Debug)]
pub(super) struct Server {
    /// The rows that each table must have.
    rows: BTreeMap<Table, Vec<Offset>>,
    /// The first offset of the second month.
    second_month: u64,
    notes: Vec<Note>,
    parts: Vec<Part>,
    inserts: Vec<Insert>,
    answered: BTreeSet<u64>,
    inserts_so_far: u64,
    pub(super) seen: Seen,
}

impl Server {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let mut rows = BTreeMap::new();
        for table in TABLES {
            let all = (FIRST..=LAST).map(Offset);
            // Every message is in the first table, and some are in the others.
            let own = all.filter(|_| table == TABLES[0] || draw.below(2) == 0);
            rows.insert(table, own.collect());
        }
        Self {
            rows,
            second_month: FIRST + draw.below(LAST - FIRST + 2),
            notes: Vec::new(),
            parts: Vec::new(),
            inserts: Vec::new(),
            answered: BTreeSet::new(),
            inserts_so_far: 0,
            seen: Seen::default(),
        }
    }

    pub(super) const fn tables() -> [Table; 3] {
        TABLES
    }

    pub(super) fn expected(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    /// Returns what a table lacks.
    pub(super) fn look(&self, table: Table) -> Option<Missing> {
        let stored = self.stored(table);
        let all = self.rows[&table].iter().copied();
        let offsets: Vec<_> = all.filter(|offset| !stored.contains(offset)).collect();
        (!offsets.is_empty()).then(|| Missing {
            table,
            is_partial: offsets.len() < self.rows[&table].len(),
            offsets,
        })
    }

    fn stored(&self, table: Table) -> Vec<Offset> {
        let parts = self.parts.iter().filter(|part| part.cell.0 == table);
        parts.flat_map(|part| part.offsets.clone()).collect()
    }

    pub(super) fn is_running(&self) -> bool {
        self.inserts.iter().any(|insert| insert.has_begun)
    }

    /// Accepts an insert of the whole batch; it is carried out later.
    pub(super) fn insert_whole(&mut self) -> u64 {
        let all = self.rows.clone();
        let cells = all
            .iter()
            .flat_map(|(table, rows)| self.cells(*table, rows));
        let left = cells.map(|(cell, rows)| (cell, rows, BATCH.to_owned()));
        let left = left.collect();
        self.send(left)
    }

    /// Accepts an insert of rows for one table; it is carried out later.
    pub(super) fn insert_only(&mut self, missing: &Missing, token: &str) -> u64 {
        self.seen.repairs += 1;
        let cells = self.cells(missing.table, &missing.offsets).into_iter();
        let left = cells.map(|(cell, rows)| (cell, rows, token.to_owned()));
        let left = left.collect();
        self.send(left)
    }

    fn send(&mut self, left: Vec<(Cell, Vec<Offset>, String)>) -> u64 {
        self.inserts_so_far += 1;
        self.inserts.push(Insert {
            id: self.inserts_so_far,
            left,
            has_begun: false,
        });
        self.inserts_so_far
    }

    fn cells(&self, table: Table, rows: &[Offset]) -> Vec<(Cell, Vec<Offset>)> {
        let (first, second): (Vec<_>, Vec<_>) =
            rows.iter().partition(|offset| offset.0 < self.second_month);
        let months = [(0, first), (1, second)].into_iter();
        let filled = months.filter(|(_, rows)| !rows.is_empty());
        filled.map(|(month, rows)| ((table, month), rows)).collect()
    }

    pub(super) fn has_answered(&self, insert: u64) -> bool {
        self.answered.contains(&insert)
    }

    /// Stores one part of an insert.
    pub(super) fn advance(&mut self, draw: &mut Draw) {
        if self.inserts.is_empty() {
            return;
        }
        let place = draw.place(self.inserts.len());
        if let Some(part) = self.take_part(place, draw) {
            self.store(part);
        }
        if self.inserts[place].left.is_empty() {
            let done = self.inserts.swap_remove(place);
            self.answered.insert(done.id);
        }
    }

    fn take_part(&mut self, place: usize, draw: &mut Draw) -> Option<(Cell, Vec<Offset>, String)> {
        let is_latest = self.inserts[place].id == self.inserts_so_far;
        let insert = &mut self.inserts[place];
        self.seen.late_inserts += u64::from(!insert.has_begun && !is_latest);
        insert.has_begun = true;
        if insert.left.is_empty() {
            return None;
        }
        Some(insert.left.swap_remove(draw.place(insert.left.len())))
    }

    fn store(&mut self, (cell, offsets, token): (Cell, Vec<Offset>, String)) {
        if self.note(cell, token) {
            self.parts.push(Part {
                cell,
                offsets,
                is_synced: false,
            });
        }
    }

    /// Notes a token; false if it was already noted.
    fn note(&mut self, cell: Cell, token: String) -> bool {
        let mut notes = self.notes.iter();
        if notes.any(|note| note.cell == cell && note.token == token) {
            self.seen.known_again += 1;
            return false;
        }
        self.notes.push(Note {
            token,
            cell,
            is_synced: false,
        });
        true
    }

    /// Dies, possibly right after a note, and returns the running inserts. Inserts in transit reach
    /// the next process.
    pub(super) fn kill(&mut self, draw: &mut Draw) -> Vec<u64> {
        let running = |insert: &Insert| insert.has_begun;
        let between: Vec<usize> = (0..self.inserts.len())
            .filter(|place| running(&self.inserts[*place]))
            .collect();
        for place in between {
            if draw.below(3) > 0
                && let Some((cell, _, token)) = self.take_part(place, draw)
                && self.note(cell, token)
            {
                self.seen.notes_without_rows += 1;
            }
        }
        let lost = self.inserts.extract_if(.., |insert| running(insert));
        lost.map(|insert| insert.id).collect()
    }

    /// Loses unsynced notes and parts, each at random.
    pub(super) fn lose_unsynced(&mut self, draw: &mut Draw) {
        self.notes
            .retain(|note| note.is_synced || draw.below(2) == 0);
        self.parts
            .retain(|part| part.is_synced || draw.below(2) == 0);
        self.sync();
    }

    pub(super) fn sync(&mut self) {
        self.notes.iter_mut().for_each(|note| note.is_synced = true);
        self.parts.iter_mut().for_each(|part| part.is_synced = true);
    }

    pub(super) fn forget_notes(&mut self) {
        self.notes.clear();
    }

    pub(super) fn drop_inserts(&mut self) {
        self.inserts.clear();
    }

    pub(super) fn land_everything(&mut self, draw: &mut Draw) {
        while !self.inserts.is_empty() {
            self.advance(draw);
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        TABLES.into_iter().all(|table| self.look(table).is_none())
    }

    pub(super) fn is_doubled(&self) -> bool {
        TABLES
            .into_iter()
            .any(|table| self.stored(table).len() > self.rows[&table].len())
    }

    #[track_caller]
    pub(super) fn check_exactly_once(&self) {
        for table in TABLES {
            let mut stored = self.stored(table);
            stored.sort_unstable();
            assert_eq!(stored, self.rows[&table], "{table:?}");
        }
    }
}
