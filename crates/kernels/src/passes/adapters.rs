//! Low-rank additions to the linear layers of a block.

use crate::block::values::SITES;
use crate::memory::size::{aligned, checked_count};
use crate::numbers::matrix::Matrix;
use crate::product::packed::Packed;

/// A low-rank addition to one site, `y += dropout(x) down up`.
#[derive(Clone, Copy, Debug)]
pub struct LowRank<'a> {
    /// `[input, rank]`, row-major.
    pub down: &'a [f32],
    /// `[rank, output]`, row-major, its scale included.
    pub up: &'a [f32],
    /// The number of triplets.
    pub rank: usize,
}

/// One site's low-rank addition, laid out for the kernels, `down` transposed.
pub(crate) struct Prepared {
    /// `[rank, input]`.
    pub down: Matrix<f32>,
    /// `[rank, output]`.
    pub up: Matrix<f32>,
    /// `up` in panels.
    pub packed: Packed<f32>,
}

/// One for each site that has one.
pub(crate) type Adapters = [Option<Prepared>; SITES];

impl Prepared {
    /// Lays out an addition to a site of these widths.
    ///
    /// # Panics
    /// If its factors have other sizes.
    pub fn new(delta: &LowRank, (input, output): (usize, usize), lanes: usize) -> Self {
        let rank = delta.rank;
        assert_eq!(Some(delta.down.len()), checked_count(&[input, rank]));
        assert_eq!(Some(delta.up.len()), checked_count(&[rank, output]));
        let mut down = Matrix::zeros(rank, input);
        for (k, row) in delta.down.chunks_exact(rank.max(1)).enumerate() {
            for (j, &value) in row.iter().enumerate() {
                down.values[j * down.stride + k] = value;
            }
        }
        let mut up = Matrix::zeros(rank, output);
        for (j, row) in delta.up.chunks_exact(output).enumerate() {
            up.values[j * aligned(output)..][..output].copy_from_slice(row);
        }
        Self {
            down,
            up,
            packed: Packed::new(rank, output, lanes, |j, n| delta.up[j * output + n]),
        }
    }
}
