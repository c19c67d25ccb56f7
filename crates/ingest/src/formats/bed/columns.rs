//! The columns of one line.

/// The columns of a line: the first few at hand, those behind them looked up.
pub(crate) struct Columns<'a> {
    /// Without its terminator.
    pub(super) line: &'a str,
    /// Where the first columns end.
    ends: [usize; 6],
    count: usize,
}

impl<'a> Columns<'a> {
    /// Of the first line of a text, which is taken off it.
    pub(super) fn of_first_line(text: &mut &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut ends = [0; 6];
        let (mut count, mut past) = (0, bytes.len());
        for (i, byte) in bytes.iter().enumerate() {
            match byte {
                b'\t' => {
                    if let Some(end) = ends.get_mut(count) {
                        *end = i;
                    }
                    count += 1;
                }
                b'\n' => {
                    past = i;
                    break;
                }
                _ => {}
            }
        }
        let line = text.get(..past).unwrap_or_default();
        *text = text.get(past + 1..).unwrap_or_default();
        let line = match line.strip_suffix('\r') {
            Some(line) => line,
            None => line,
        };
        if let Some(end) = ends.get_mut(count) {
            *end = line.len();
        }
        Self {
            line,
            ends,
            count: count + 1,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, i: usize) -> Option<&'a str> {
        let Some(end) = self.ends.get(i) else {
            return self.line.split('\t').nth(i);
        };
        let start = match i {
            0 => 0,
            _ => self.ends[i - 1] + 1,
        };
        (i < self.count).then(|| self.line.get(start..*end).unwrap_or_default())
    }
}
