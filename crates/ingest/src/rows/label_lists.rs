//! Lists of 0 and 1, a bit each: 919 labels of a row take 120 bytes.

/// Bits of a word.
const WORD: usize = 64;

/// A list for each row, all of the same length.
#[derive(Debug, PartialEq)]
pub(crate) struct LabelLists {
    width: usize,
    words: Vec<u64>,
}

impl LabelLists {
    /// Of no rows; each will have `width` labels.
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            words: Vec::new(),
        }
    }

    /// Adds a row; labels beyond the width are passed over, those that are missing are 0.
    pub(crate) fn push(&mut self, labels: impl Iterator<Item = bool>) {
        let first = self.words.len();
        self.words.resize(first + self.stride(), 0);
        for (i, has) in labels.take(self.width).enumerate() {
            self.words[first + i / WORD] |= u64::from(has) << (i % WORD);
        }
    }

    fn stride(&self) -> usize {
        self.width.div_ceil(WORD)
    }

    /// The words of a row; bits beyond the width are 0.
    pub(crate) fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.stride()..(row + 1) * self.stride()]
    }

    /// 0 or 1 for each label of a row.
    pub(crate) fn list(&self, row: usize) -> Vec<u8> {
        let words = self.row(row);
        let bit = |i: usize| (words[i / WORD] >> (i % WORD) & 1) as u8;
        (0..self.width).map(bit).collect()
    }

    /// The labels that a row has.
    pub(crate) fn each(&self, row: usize, tell: &mut dyn FnMut(u32)) {
        for (word, bits) in (0..).zip(self.row(row)) {
            let mut bits = *bits;
            while bits != 0 {
                tell(word * WORD as u32 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }

    /// Takes out the rows that are not to be kept.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        let stride = self.stride();
        let mut to = 0;
        for (row, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            self.words
                .copy_within(row * stride..(row + 1) * stride, to * stride);
            to += 1;
        }
        self.words.truncate(to * stride);
    }

    /// Bytes that they take.
    pub(crate) fn memory(&self) -> u64 {
        (self.words.capacity() * size_of::<u64>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_come_back(
            (width, rows) in (0..150usize).prop_flat_map(|width| {
                (Just(width), proptest::collection::vec((proptest::collection::vec(any::<bool>(), width), any::<bool>()), 0..9))
            }),
        ) {
            let mut lists = LabelLists::new(width);
            for (labels, _) in &rows {
                lists.push(labels.iter().copied());
            }
            let same = |lists: &LabelLists, rows: &[&Vec<bool>]| {
                for (i, labels) in rows.iter().enumerate() {
                    let bytes: Vec<u8> = labels.iter().map(|one| u8::from(*one)).collect();
                    prop_assert_eq!(lists.list(i), bytes);
                    let mut has = Vec::new();
                    lists.each(i, &mut |label| has.push(label as usize));
                    let expected: Vec<usize> = (0..width).filter(|i| labels[*i]).collect();
                    prop_assert_eq!(has, expected);
                }
                Ok(())
            };
            same(&lists, &rows.iter().map(|(labels, _)| labels).collect::<Vec<_>>())?;
            let keep: Vec<bool> = rows.iter().map(|(_, keep)| *keep).collect();
            lists.retain(&keep);
            let kept: Vec<_> = rows.iter().filter(|(_, keep)| *keep).map(|(labels, _)| labels).collect();
            same(&lists, &kept)?;
            prop_assert_eq!(lists.words.len(), kept.len() * width.div_ceil(64));
        }
    }
}
