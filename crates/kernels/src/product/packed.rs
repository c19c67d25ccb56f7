//! Products with packed matrices: `y = x W + b + u B`, where `u B` is a low-rank addition.

use std::sync::Arc;

use crate::memory::buffer::Buffer;
use crate::memory::size::{aligned, count};
use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::product::quantized::QuantizedMatrix;
use crate::simd::vector::{Kernel, Simd};

/// Vectors side by side in a panel.
const VECTORS: usize = 3;

/// A matrix `[depth, width]` in panels of `3 x LANES` columns, each panel contiguous along the depth (in
/// pairs, for `bf16`). Columns and depth are filled up with zeros. Or in few bits, of which a product makes such panels.
pub(crate) struct Packed<E: Element> {
    values: Values<E>,
    pub depth: usize,
    pub width: usize,
    /// How many multiply-adds `depth` takes: half as many for `bf16`, which takes two values at a time.
    steps: usize,
    lanes: usize,
}

enum Values<E: Element> {
    Panels(Buffer<E>),
    Quantized {
        matrix: Arc<QuantizedMatrix>,
        /// Whether the depth runs through its outputs, as in the backward pass.
        turned: bool,
    },
}

impl<E: Element> Packed<E> {
    /// A matrix in few bits, for `lanes` lanes to a vector: `[inputs, outputs]`, or `turned` `[outputs, inputs]`.
    pub fn quantized(matrix: Arc<QuantizedMatrix>, turned: bool, lanes: usize) -> Self {
        let [outputs, inputs] = matrix.sizes();
        let [depth, width] = if turned {
            [outputs, inputs]
        } else {
            [inputs, outputs]
        };
        Self {
            values: Values::Quantized { matrix, turned },
            depth,
            width,
            steps: depth.div_ceil(E::DEPTH),
            lanes,
        }
    }

    /// Packs `at(k, n)` for `lanes` lanes to a vector.
    pub fn new(depth: usize, width: usize, lanes: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let steps = depth.div_ceil(E::DEPTH);
        let panel = VECTORS * lanes;
        let panels = aligned(width).div_ceil(panel);
        let size = count(&[steps, panel, E::DEPTH]);
        let mut values = Buffer::zeros(count(&[panels, size]));
        for (p, block) in values.chunks_exact_mut(size.max(1)).enumerate() {
            for k in 0..depth {
                let (step, within) = (k / E::DEPTH, k % E::DEPTH);
                for n in p * panel..width.min((p + 1) * panel) {
                    block[(step * panel + n - p * panel) * E::DEPTH + within] =
                        E::from_f32(at(k, n));
                }
            }
        }
        Self {
            values: Values::Panels(values),
            depth,
            width,
            steps,
            lanes,
        }
    }

    /// Room for a block of a panel, where panels are made when they are asked for.
    fn room(&self) -> Buffer<E> {
        Buffer::of_any(match self.values {
            Values::Panels(_) => 0,
            Values::Quantized { .. } => self.steps.min(E::BLOCK / E::DEPTH) * self.panel_step(),
        })
    }

    /// Values of one step of a panel.
    fn panel_step(&self) -> usize {
        VECTORS * self.lanes * E::DEPTH
    }

    /// `steps` steps of a panel from `first` on; `room` is [`Packed::room`].
    #[inline(always)]
    fn panel(&self, panel: usize, first: usize, steps: usize, room: &mut Buffer<E>) -> *const E {
        let step = self.panel_step();
        match &self.values {
            Values::Panels(values) => values[(panel * self.steps + first) * step..].as_ptr(),
            Values::Quantized { matrix, turned } => {
                let room = &mut room[..steps * step];
                self.unpack(matrix, *turned, panel, first, room);
                room.as_ptr()
            }
        }
    }

    /// Fills `to` with the steps of a panel from `first` on.
    #[inline(always)]
    fn unpack(
        &self,
        matrix: &QuantizedMatrix,
        turned: bool,
        panel: usize,
        first: usize,
        to: &mut [E],
    ) {
        const ROWS: usize = 64;
        let columns = VECTORS * self.lanes;
        let (left, top) = (panel * columns, first * E::DEPTH);
        let wide = columns.min(self.width.saturating_sub(left));
        let deep = (to.len() / columns).min(self.depth - top);
        if wide < columns || deep * columns < to.len() {
            to.fill(E::from_f32(0.0));
        }
        let mut row = [0f32; ROWS];
        let place = |k: usize, n: usize| (k / E::DEPTH * columns + n) * E::DEPTH + k % E::DEPTH;
        if turned {
            let row = &mut row[..wide];
            for k in 0..deep {
                matrix.read(top + k, left, row);
                for (n, &value) in row.iter().enumerate() {
                    to[place(k, n)] = E::from_f32(value);
                }
            }
        } else {
            // So many rows of `to` at a time that they stay in the fastest cache while its columns are gone through.
            for above in (0..deep).step_by(ROWS) {
                let row = &mut row[..ROWS.min(deep - above)];
                for n in 0..wide {
                    matrix.read(left + n, top + above, row);
                    let to = &mut to[place(above, n)..];
                    for (k, &value) in row.iter().enumerate() {
                        to[place(k, 0)] = E::from_f32(value);
                    }
                }
            }
        }
    }

    /// Whether a product unpacks it.
    pub fn is_quantized(&self) -> bool {
        matches!(self.values, Values::Quantized { .. })
    }

    /// Values in a vector of the instruction set it was packed for.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Bytes held; weights in few bits are held once for both directions, and counted in the first.
    pub fn bytes(&self) -> usize {
        match &self.values {
            Values::Panels(values) => size_of_val(&**values),
            Values::Quantized { turned: true, .. } => 0,
            Values::Quantized { matrix, .. } => matrix.bytes(),
        }
    }
}

/// A bias, filled up with zeros to whole panels.
pub(crate) fn padded_bias(bias: &[f32], lanes: usize) -> Buffer<f32> {
    let mut values = Buffer::zeros(aligned(bias.len()).next_multiple_of(VECTORS * lanes));
    values[..bias.len()].copy_from_slice(bias);
    values
}

/// What a product starts from.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    Zero,
    /// From [`padded_bias`].
    Bias(&'a [f32]),
    /// What `c` holds.
    Sum,
}

/// `c = start + a W + u B`. The padding of `c` becomes zero, because that of `W` and `B` is.
pub(crate) struct Product<'a, E: Element> {
    pub a: &'a Matrix<E>,
    pub w: &'a Packed<E>,
    pub start: Start<'a>,
    /// `u` `[rows, rank]` and `B` `[rank, width]`.
    pub low_rank: Option<(&'a Matrix<f32>, &'a Packed<f32>)>,
    pub c: &'a mut Matrix<f32>,
}

impl<E: Element> Kernel for Product<'_, E> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        debug_assert_eq!((self.a.width, self.w.lanes), (self.w.depth, S::LANES));
        debug_assert_eq!((self.c.rows, self.c.width), (self.a.rows, self.w.width));
        let columns = VECTORS * S::LANES;
        let block = E::BLOCK / E::DEPTH;
        let vectors = self.c.stride / S::LANES;
        let c = self.c.values.as_mut_ptr();
        let mut room = self.w.room();
        let mut none = Buffer::of_any(0);
        for first in (0..self.w.steps).step_by(block) {
            let steps = block.min(self.w.steps - first);
            let last = first + steps == self.w.steps;
            for panel in 0..self.c.stride.div_ceil(columns) {
                // The padding of `c` is written too, as far as it reaches into this panel.
                let here = VECTORS.min(vectors - panel * VECTORS);
                unsafe {
                    let tile = Tile::<E> {
                        a: self.a.values.as_ptr().add(first * E::DEPTH),
                        a_row: self.a.stride,
                        a_step: E::DEPTH,
                        b: self.w.panel(panel, first, steps, &mut room),
                        b_step: columns * E::DEPTH,
                        steps,
                        start: match self.start {
                            _ if first > 0 => None,
                            Start::Sum => None,
                            Start::Zero => Some(std::ptr::null()),
                            Start::Bias(bias) => Some(bias.as_ptr().add(panel * columns)),
                        },
                        low_rank: match self.low_rank {
                            Some((u, b)) if last => {
                                let rows = b.panel(panel, 0, b.depth, &mut none);
                                Some((u.values.as_ptr(), u.stride, rows, b.depth))
                            }
                            _ => None,
                        },
                        c: c.add(panel * columns),
                        c_row: self.c.stride,
                    };
                    match here {
                        1 => tile.rows::<S, 1>(self.a.rows),
                        2 => tile.rows::<S, 2>(self.a.rows),
                        _ => tile.rows::<S, 3>(self.a.rows),
                    }
                }
            }
        }
    }
}

/// Some rows and the columns of one panel.
#[derive(Clone, Copy)]
struct Tile<E: Element> {
    a: *const E,
    a_row: usize,
    a_step: usize,
    b: *const E,
    b_step: usize,
    steps: usize,
    /// `None`: from `c`; null: from zero; else from this bias.
    start: Option<*const f32>,
    /// `u`, its row length, the panel of `B`, the rank.
    low_rank: Option<(*const f32, usize, *const f32, usize)>,
    c: *mut f32,
    c_row: usize,
}

impl<E: Element> Tile<E> {
    #[inline(always)]
    unsafe fn rows<S: Simd, const V: usize>(mut self, rows: usize) {
        unsafe {
            let mut left = rows;
            if S::ROWS >= 8 {
                while left >= 8 {
                    self.compute::<S, V, 8>();
                    self.advance(8);
                    left -= 8;
                }
            }
            while left >= 4 {
                self.compute::<S, V, 4>();
                self.advance(4);
                left -= 4;
            }
            if left >= 2 {
                self.compute::<S, V, 2>();
                self.advance(2);
                left -= 2;
            }
            if left >= 1 {
                self.compute::<S, V, 1>();
            }
        }
    }

    #[inline(always)]
    unsafe fn advance(&mut self, rows: usize) {
        unsafe {
            self.a = self.a.add(rows * self.a_row);
            self.c = self.c.add(rows * self.c_row);
            if let Some((u, row, ..)) = &mut self.low_rank {
                *u = u.add(rows * *row);
            }
        }
    }

    #[inline(always)]
    unsafe fn compute<S: Simd, const V: usize, const M: usize>(&self) {
        unsafe {
            let mut sums = [[S::splat(0.0); V]; M];
            match self.start {
                None => {
                    for (m, row) in sums.iter_mut().enumerate() {
                        for (v, sum) in row.iter_mut().enumerate() {
                            *sum = S::load(self.c.add(m * self.c_row + v * S::LANES));
                        }
                    }
                }
                Some(bias) if bias.is_null() => {}
                Some(bias) => {
                    for row in &mut sums {
                        for (v, sum) in row.iter_mut().enumerate() {
                            *sum = S::load(bias.add(v * S::LANES));
                        }
                    }
                }
            }
            let (mut a, mut b) = (self.a, self.b);
            let mut steps = self.steps;
            if E::DEPTH == 1 && V == 3 && M == 4 {
                // Such a tile of `f32`, by other names of its type and sizes.
                let sums = &mut *(&raw mut sums).cast::<[[S::V; 3]; 4]>();
                let strides = [self.a_row, self.a_step, self.b_step];
                if S::tile_of_four(sums, a.cast(), b.cast(), steps, strides) {
                    steps = 0;
                }
            }
            for _ in 0..steps {
                let mut columns = [S::splat(0.0); V];
                for (v, column) in columns.iter_mut().enumerate() {
                    *column = E::column_step::<S>(b.add(v * S::LANES * E::DEPTH));
                }
                for (m, row) in sums.iter_mut().enumerate() {
                    let value = E::row_step::<S>(a.add(m * self.a_row));
                    for (sum, &column) in row.iter_mut().zip(&columns) {
                        *sum = E::multiply::<S>(*sum, value, column);
                    }
                }
                a = a.add(self.a_step);
                b = b.add(self.b_step);
            }
            if let Some((u, u_row, b, rank)) = self.low_rank {
                for j in 0..rank {
                    let mut columns = [S::splat(0.0); V];
                    for (v, column) in columns.iter_mut().enumerate() {
                        *column = S::load(b.add((j * VECTORS + v) * S::LANES));
                    }
                    for (m, row) in sums.iter_mut().enumerate() {
                        let value = S::splat(*u.add(m * u_row + j));
                        for (sum, &column) in row.iter_mut().zip(&columns) {
                            *sum = S::fma(value, column, *sum);
                        }
                    }
                }
            }
            for (m, row) in sums.iter().enumerate() {
                for (v, &sum) in row.iter().enumerate() {
                    S::store(self.c.add(m * self.c_row + v * S::LANES), sum);
                }
            }
        }
    }
}

/// A product of two unpacked `f32` matrices given by pointers, for attention: `c = a b`, or
/// `c += a b`. `a` is `[rows, depth]` with any strides; the rows of `b` and `c` hold a whole
/// number of vectors for `width` columns.
pub(crate) struct Strided {
    pub a: *const f32,
    pub a_row: usize,
    pub a_step: usize,
    pub b: *const f32,
    pub b_row: usize,
    pub c: *mut f32,
    pub c_row: usize,
    pub rows: usize,
    pub depth: usize,
    pub width: usize,
}

impl Strided {
    /// # Safety
    /// The pointers are valid for these sizes, `width` rounded up to whole vectors.
    #[inline(always)]
    pub unsafe fn multiply<S: Simd>(&self) {
        let vectors = self.width.div_ceil(S::LANES);
        for first in (0..vectors).step_by(VECTORS) {
            unsafe {
                let tile = Tile::<f32> {
                    a: self.a,
                    a_row: self.a_row,
                    a_step: self.a_step,
                    b: self.b.add(first * S::LANES),
                    b_step: self.b_row,
                    steps: self.depth,
                    start: Some(std::ptr::null()),
                    low_rank: None,
                    c: self.c.add(first * S::LANES),
                    c_row: self.c_row,
                };
                match vectors - first {
                    1 => tile.rows::<S, 1>(self.rows),
                    2 => tile.rows::<S, 2>(self.rows),
                    _ => tile.rows::<S, 3>(self.rows),
                }
            }
        }
    }
}
