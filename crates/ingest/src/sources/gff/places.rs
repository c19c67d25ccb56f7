//! The windows that there are, so that none is laid twice.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;

use crate::rows::row::{Content, LabelId, Padding, Row, Rows};

/// A table of the rows by place, strand and label. It holds numbers of rows, not places: a set of places would take more than the rows do.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Number of a row, plus one; 0 where nothing is.
    slots: Vec<u32>,
    taken: usize,
}

impl Places {
    /// Takes the row in that is pushed next; false, and nothing is done, where one with the same place and label is there.
    pub(crate) fn insert(&mut self, rows: &Rows, lies: Padding, label: LabelId) -> bool {
        if (self.taken + 1) * 4 > self.slots.len() * 3 {
            self.grow(rows);
        }
        let slot = self.find(rows, lies, label);
        let free = self.slots[slot] == 0;
        if free {
            self.slots[slot] = rows.all().len() as u32 + 1;
            self.taken += 1;
        }
        free
    }

    /// Bytes that it takes, and those of the smaller one that it came from while it grew.
    pub(crate) fn memory(&self) -> u64 {
        let bytes = size_of_val(self.slots.as_slice()) as u64;
        bytes + bytes / 2
    }

    /// Where a row stands or, where it is not there, belongs.
    fn find(&self, rows: &Rows, lies: Padding, label: LabelId) -> usize {
        let window = lies.window;
        let start = i128::from(window.start) - i128::from(lies.before);
        let place = (window.sequence, start, lies.length(), window.strand, label);
        let most = self.slots.len() - 1;
        let mut slot = FixedState::default().hash_one(place) as usize & most;
        loop {
            let number = self.slots[slot];
            let same = |row: &Row| row.label == label && lies_at(rows, row) == Some(lies);
            if number == 0 || rows.all().get(number as usize - 1).is_some_and(same) {
                return slot;
            }
            slot = (slot + 1) & most;
        }
    }

    fn grow(&mut self, rows: &Rows) {
        let larger = vec![0; (self.slots.len() * 2).max(1 << 10)];
        let old = std::mem::replace(&mut self.slots, larger);
        for number in old.into_iter().filter(|number| *number > 0) {
            let row = rows.all().get(number as usize - 1);
            let placed = row.and_then(|row| Some((lies_at(rows, row)?, row.label)));
            if let Some((lies, label)) = placed {
                let slot = self.find(rows, lies, label);
                self.slots[slot] = number;
            }
        }
    }
}

/// Where a row of windows lies.
fn lies_at(rows: &Rows, row: &Row) -> Option<Padding> {
    match row.content {
        Content::Window(window) => Some(Padding {
            window,
            before: 0,
            behind: 0,
        }),
        Content::Padded(number) => Some(*rows.padding(number)),
        Content::Edited(_) | Content::Text { .. } | Content::Derived { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use lingo_artifact::{ByteSize, Strand};
    use proptest::prelude::*;

    use super::*;
    use crate::rows::row::Window;

    proptest! {
        #[test]
        fn a_window_is_taken_once(
            all in proptest::collection::vec((0u32..3, 0u64..40, 1u64..4, 0u32..3, any::<bool>(), 0u8..2), 0..3000)
        ) {
            let mut rows = Rows::new(Vec::new(), ByteSize::DEFAULT);
            let mut places = Places::default();
            let mut seen = HashSet::new();
            for (sequence, start, length, before, forward, label) in all {
                let strand = if forward { Strand::Forward } else { Strand::Reverse };
                let window = Window { sequence, strand, start, end: start + length };
                let lies = Padding { window, before, behind: 0 };
                let fresh = seen.insert((sequence, start, length, before, forward, label));
                let label = rows.push_label(&label.to_string());
                prop_assert_eq!(places.insert(&rows, lies, label), fresh);
                if fresh {
                    let content = rows.content(lies);
                    rows.push(Row { name: None, content, label, line: 1, file: 0, split: None }).unwrap();
                }
            }
        }
    }
}
