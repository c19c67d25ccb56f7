//! How many values a buffer has: rounded up for the vectors, and multiplied without wrapping around.

/// Every matrix row takes a multiple of this many values.
pub(crate) const ALIGN: usize = 16;

/// `n` rounded up to a multiple of [`ALIGN`].
pub(crate) fn aligned(n: usize) -> usize {
    n.checked_next_multiple_of(ALIGN)
        .unwrap_or_else(|| capacity_overflow())
}

/// The number of values that these sizes make together.
///
/// This crate is compiled without overflow checks, and a product that wrapped around would give a
/// buffer that is smaller than what the kernels write: sizes of buffers are multiplied here.
///
/// # Panics
/// If there are more than a `usize` can count, as `Vec` does.
pub(crate) fn count(sizes: &[usize]) -> usize {
    checked_count(sizes).unwrap_or_else(|| capacity_overflow())
}

/// As [`count`]; `None` where a `usize` cannot hold it.
pub(crate) fn checked_count(sizes: &[usize]) -> Option<usize> {
    sizes
        .iter()
        .try_fold(1usize, |n, &size| n.checked_mul(size))
}

/// What `Vec` does when it is asked for more than an address can reach.
#[cold]
#[allow(
    clippy::panic,
    reason = "no memory could ever be had, and an undersized buffer would be written beyond its end"
)]
pub(super) fn capacity_overflow() -> ! {
    panic!("capacity overflow")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_do_not_wrap_around() {
        assert_eq!(checked_count(&[1 << 40, 1 << 40]), None);
        assert_eq!(checked_count(&[3, 5, 7]), Some(105));
        assert_eq!((aligned(0), aligned(1), aligned(16)), (0, 16, 16));
    }
}
