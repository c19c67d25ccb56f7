//! The sequences that merges are learned from, as one row of cells in which tokens grow in place.
//!
//! A token covers as many cells as it was joined from; its id stands in the first and in the last of them, so that
//! both neighbours are found without links. What is between is stale, and the first cell of a right part is marked
//! as inside: a place where a token once began is never taken for one where it still does.

use std::collections::HashMap;

use crate::bpe::vocabulary::N;
use crate::nucleotide::base_index;

/// Two tokens side by side.
pub type Pair = (u32, u32);

/// An id in 16 or 32 bits.
pub trait Cell: Copy + Eq + Send + Sync + 'static {
    /// Between two runs.
    const BREAK: Self;
    /// Marks the cell where a token began that is now the right part of a longer one.
    const INSIDE: Self;
    /// Ids are below this.
    const MOST: u32;
    /// From an id.
    fn of(id: u32) -> Self;
    /// The id.
    fn id(self) -> u32;
}

impl Cell for u16 {
    const BREAK: Self = Self::MAX;
    const INSIDE: Self = Self::MAX - 1;
    const MOST: u32 = Self::INSIDE as u32;
    #[inline]
    fn of(id: u32) -> Self {
        id as Self
    }
    #[inline]
    fn id(self) -> u32 {
        u32::from(self)
    }
}

impl Cell for u32 {
    const BREAK: Self = Self::MAX;
    const INSIDE: Self = Self::MAX - 1;
    const MOST: u32 = Self::INSIDE;
    #[inline]
    fn of(id: u32) -> Self {
        id
    }
    #[inline]
    fn id(self) -> u32 {
        self
    }
}

/// Sequences as single bases.
pub struct Corpus<C> {
    cells: Vec<C>,
}

impl<C: Cell> Corpus<C> {
    /// Without a sequence.
    pub fn new() -> Self {
        Self {
            cells: vec![C::BREAK],
        }
    }

    /// Adds a sequence; what is no base breaks it.
    pub fn push(&mut self, sequence: &[u8]) {
        // A, C, G, N, T: the ids of the letters.
        let id = |i: u32| if i < N { i } else { i + 1 };
        let cell = |b: &u8| base_index(*b).map_or(C::BREAK, |i| C::of(id(i)));
        self.cells.extend(sequence.iter().map(cell));
        self.cells.push(C::BREAK);
    }

    /// Cuts it at breaks into so many parts of nearly equal size, or fewer.
    pub fn into_parts(mut self, parts: usize) -> Vec<Part<C>> {
        // Places within a part are counted in 32 bits.
        let parts = parts.max(self.cells.len() >> 31).max(1);
        let mut out = Vec::with_capacity(parts);
        for part in (1..parts).rev() {
            let near = self.cells.len() / (part + 1) * part;
            let breaks = self.cells[near..].iter().position(|c| *c == C::BREAK);
            if let Some(at) = breaks
                .map(|i| near + i)
                .filter(|i| i + 1 < self.cells.len())
            {
                out.push(Part::new(self.cells.split_off(at)));
                // The break ends one part and begins the other.
                self.cells.push(C::BREAK);
            }
        }
        out.push(Part::new(self.cells));
        out
    }
}

/// Two cells as a pair, unless one is a break.
#[inline]
fn pair_of<C: Cell>(window: &[C]) -> Option<Pair> {
    let apart = window.contains(&C::BREAK);
    (!apart).then(|| (window[0].id(), window[1].id()))
}

/// A number for each pair of tokens: a square table for few tokens, a map for many.
struct PairTable {
    tokens: usize,
    square: Vec<u32>,
    map: HashMap<Pair, u32>,
}

impl PairTable {
    fn new(tokens: usize) -> Self {
        // 64 MiB at most.
        let side = if tokens <= 1 << 12 { tokens } else { 0 };
        Self {
            tokens,
            square: vec![0; side * side],
            map: HashMap::new(),
        }
    }

    #[inline]
    fn at(&mut self, pair: Pair) -> &mut u32 {
        let place = pair.0 as usize * self.tokens + pair.1 as usize;
        match self.square.get_mut(place) {
            Some(number) => number,
            None => self.map.entry(pair).or_default(),
        }
    }

    /// The pairs whose number is not 0.
    fn into_iter(self) -> impl Iterator<Item = (Pair, u32)> {
        let tokens = self.tokens.max(1);
        let pair = move |i: usize| ((i / tokens) as u32, (i % tokens) as u32);
        let square = self.square.into_iter().enumerate();
        let square = square.map(move |(i, n)| (pair(i), n));
        square.chain(self.map).filter(|(_, n)| *n > 0)
    }
}

/// A stretch of the corpus, from break to break, with the places of the pairs that may be merged.
pub struct Part<C> {
    cells: Vec<C>,
    places: HashMap<Pair, Vec<u32>>,
    left: Beside,
    right: Beside,
}

/// The tokens that stand on one side of the places where a pair was merged.
#[derive(Default)]
pub struct Beside {
    /// How often each token was there, by id.
    counts: Vec<u32>,
    /// The ids that were there at all.
    seen: Vec<u32>,
    /// Each token that was there, with the place of the pair that it now forms with the new token.
    places: Vec<(u32, u32)>,
}

impl Beside {
    fn clear(&mut self, tokens: usize) {
        for id in self.seen.drain(..) {
            self.counts[id as usize] = 0;
        }
        self.counts.resize(tokens, 0);
        self.places.clear();
    }

    #[inline]
    fn add(&mut self, id: u32, place: usize) {
        let count = &mut self.counts[id as usize];
        if *count == 0 {
            self.seen.push(id);
        }
        *count += 1;
        self.places.push((id, place as u32));
    }

    /// The tokens that were there, and how often.
    pub fn counts(&self) -> impl Iterator<Item = (u32, u32)> {
        self.seen.iter().map(|id| (*id, self.counts[*id as usize]))
    }

    /// The places of the tokens for which `wanted` holds, those of each in order.
    fn places_of(&self, wanted: impl Fn(u32) -> bool) -> impl Iterator<Item = (u32, Vec<u32>)> {
        let mut slots = vec![usize::MAX; self.counts.len()];
        let mut lists: Vec<(u32, Vec<u32>)> = Vec::new();
        for (id, count) in self.counts().filter(|(id, _)| wanted(*id)) {
            slots[id as usize] = lists.len();
            lists.push((id, Vec::with_capacity(count as usize)));
        }
        if !lists.is_empty() {
            for (id, place) in &self.places {
                if let Some((_, list)) = lists.get_mut(slots[*id as usize]) {
                    list.push(*place);
                }
            }
        }
        lists.into_iter()
    }
}

impl<C: Cell> Part<C> {
    fn new(cells: Vec<C>) -> Self {
        Self {
            cells,
            places: HashMap::new(),
            left: Beside::default(),
            right: Beside::default(),
        }
    }

    /// Cells, breaks among them.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Gives each token one cell again; `widths` holds the cells of each id so far.
    pub fn close_up(&mut self, widths: &[u32]) {
        let (mut from, mut to) = (0, 0);
        while let Some(cell) = self.cells.get(from).copied() {
            self.cells[to] = cell;
            to += 1;
            from += match cell == C::BREAK {
                true => 1,
                false => widths[cell.id() as usize] as usize,
            };
        }
        self.cells.truncate(to);
        self.cells.shrink_to_fit();
    }

    /// How often each pair stands side by side, where each token has one cell. Overlaps count: AAA has AA twice.
    pub fn pairs(&self, tokens: usize) -> HashMap<Pair, u64> {
        let mut counts = PairTable::new(tokens);
        for pair in self.cells.windows(2).filter_map(pair_of) {
            *counts.at(pair) += 1;
        }
        let counts = counts.into_iter().map(|(pair, n)| (pair, u64::from(n)));
        counts.collect()
    }

    /// Notes the places of `wanted` pairs, where each token has one cell; `counts` are those of [`Part::pairs`].
    pub fn index(
        &mut self,
        tokens: usize,
        wanted: &HashMap<Pair, u64>,
        counts: &HashMap<Pair, u64>,
    ) {
        self.places.clear();
        let mut lists: Vec<(Pair, Vec<u32>)> = Vec::new();
        // One more than the index of a pair's list.
        let mut slots = PairTable::new(tokens);
        for (pair, count) in counts.iter().filter(|(pair, _)| wanted.contains_key(pair)) {
            lists.push((*pair, Vec::with_capacity(*count as usize)));
            *slots.at(*pair) = lists.len() as u32;
        }
        for (place, pair) in self.cells.windows(2).map(pair_of).enumerate() {
            let slot = pair.map_or(0, |pair| *slots.at(pair)) as usize;
            if let Some((_, list)) = lists.get_mut(slot.wrapping_sub(1)) {
                list.push(place as u32);
            }
        }
        self.places.extend(lists);
    }

    /// How many places are noted of a pair, some of them stale.
    pub fn places(&self, pair: Pair) -> usize {
        self.places.get(&pair).map_or(0, Vec::len)
    }

    /// Joins a pair wherever it stands, from the left, and finds what is beside the new token.
    ///
    /// `widths` holds the cells of each id, of the new one, which is the last, too.
    pub fn merge(&mut self, pair: Pair, widths: &[u32]) {
        let made = C::of(widths.len() as u32 - 1);
        let (left, right) = (C::of(pair.0), C::of(pair.1));
        let width = |id: u32| widths[id as usize] as usize;
        let (left_width, right_width) = (width(pair.0), width(pair.1));
        self.left.clear(widths.len());
        self.right.clear(widths.len());
        let cells = &mut self.cells[..];
        for place in self.places.remove(&pair).unwrap_or_default() {
            let place = place as usize;
            let middle = place + left_width;
            if cells[place] != left || cells[middle] != right {
                continue;
            }
            let behind = middle + right_width;
            let (before, after) = (cells[place - 1], cells[behind]);
            cells[middle] = C::INSIDE;
            cells[place] = made;
            cells[behind - 1] = made;
            if before != C::BREAK {
                let id = before.id();
                self.left.add(id, place - width(id));
            }
            if after != C::BREAK {
                self.right.add(after.id(), place);
            }
        }
    }

    /// The tokens that the last merge found before and behind the new one.
    pub fn beside(&self) -> (&Beside, &Beside) {
        (&self.left, &self.right)
    }

    /// Notes the places of those pairs with the new token that are `wanted`.
    pub fn note(&mut self, made: u32, wanted: impl Fn(Pair) -> bool) {
        let left = self.left.places_of(|id| wanted((id, made)));
        self.places
            .extend(left.map(|(id, list)| ((id, made), list)));
        // The new token beside itself was found from the right one of the two.
        let right = self.right.places_of(|id| id != made && wanted((made, id)));
        self.places
            .extend(right.map(|(id, list)| ((made, id), list)));
    }
}
