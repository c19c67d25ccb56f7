//! Memory that is aligned to a cache line and used again.
//!
//! A training step asks for the same sizes as the one before it. Fresh memory from the system
//! costs a page fault for every 4 KiB, some 10 % of a step; buffers go back to a pool instead.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

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
fn capacity_overflow() -> ! {
    panic!("capacity overflow")
}

/// Types of which every bit pattern is a value, zero included.
///
/// # Safety
/// As said; and no `Drop`.
pub(crate) unsafe trait Plain: Copy + Send + Sync + 'static {}
unsafe impl Plain for f32 {}
unsafe impl Plain for u16 {}
unsafe impl Plain for u8 {}

/// A slice of its own, from the pool and back to it.
pub(crate) struct Buffer<T: Plain> {
    memory: Memory,
    length: usize,
    values: PhantomData<T>,
}

impl<T: Plain> Buffer<T> {
    /// `length` values: zeros, or what an earlier buffer left.
    pub fn of_any(length: usize) -> Self {
        Self {
            memory: Memory::take(count(&[length, size_of::<T>()])),
            length,
            values: PhantomData,
        }
    }

    /// `length` zeros.
    pub fn zeros(length: usize) -> Self {
        let mut buffer = Self::of_any(length);
        // SAFETY: zero bytes are a value of every `Plain` type.
        unsafe { std::ptr::write_bytes(buffer.as_mut_ptr(), 0, length) };
        buffer
    }
}

impl<T: Plain> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::of_any(self.length);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: Plain> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the memory holds `length` values, was zeroed when it came from the system, and
        // every bit pattern is a value.
        unsafe { std::slice::from_raw_parts(self.memory.at.as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and the memory is this buffer's alone.
        unsafe { std::slice::from_raw_parts_mut(self.memory.at.as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> Drop for Buffer<T> {
    fn drop(&mut self) {
        Memory {
            at: self.memory.at,
            layout: self.memory.layout,
        }
        .give_back();
    }
}

/// Bytes from the system. Not freed by a drop: see [`Memory::give_back`].
struct Memory {
    at: NonNull<u8>,
    /// What it was allocated with, and is freed with.
    layout: Layout,
}

// SAFETY: it owns what it points to.
unsafe impl Send for Memory {}
// SAFETY: shared access only reads.
unsafe impl Sync for Memory {}

/// What was given back, by size.
static POOL: Mutex<BTreeMap<usize, Vec<Memory>>> = Mutex::new(BTreeMap::new());

impl Memory {
    /// At least `bytes`: the smallest of the pool that is not much too large, else fresh.
    fn take(bytes: usize) -> Self {
        let layout = layout(bytes).unwrap_or_else(|| capacity_overflow());
        let bytes = layout.size();
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        // Lengths differ from batch to batch: without some room, each would keep its own buffers.
        // A layout is never larger than half the address space, so the sum does not wrap around.
        for memories in pool.range_mut(bytes..=bytes + bytes / 2).map(|(_, m)| m) {
            if let Some(memory) = memories.pop() {
                return memory;
            }
        }
        drop(pool);
        // SAFETY: the size is not zero: a layout has at least a line.
        let at = unsafe { alloc_zeroed(layout) };
        match NonNull::new(at) {
            Some(at) => Self { at, layout },
            None => handle_alloc_error(layout),
        }
    }

    fn give_back(self) {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        pool.entry(self.layout.size()).or_default().push(self);
    }
}

/// The layout of at least `bytes`, and of at least a line; `None` where no memory can be that large.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(size_class(bytes)?, LINE).ok()
}

/// Rounds a size up so that like sizes share memory: at most an eighth is lost. `None` where the
/// rounded size is no `usize`.
fn size_class(bytes: usize) -> Option<usize> {
    let bytes = bytes.max(LINE);
    let step = (bytes.checked_next_power_of_two()? / 16).max(LINE);
    bytes.checked_next_multiple_of(step)
}

/// Frees what the pool holds. Worth it between models, not between steps.
pub fn release_memory() {
    let pool = std::mem::take(&mut *POOL.lock().unwrap_or_else(PoisonError::into_inner));
    for memory in pool.into_values().flatten() {
        // SAFETY: allocated with this layout, and no buffer holds it any more.
        unsafe { dealloc(memory.at.as_ptr(), memory.layout) };
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn buffers_are_aligned_and_come_back() {
        let buffer = Buffer::<f32>::zeros(1000);
        assert_eq!(buffer.as_ptr() as usize % LINE, 0);
        assert!(buffer.len() == 1000 && buffer.iter().all(|&x| x == 0.0));
        for bytes in [1, 64, 65, 4000, 1 << 20, (1 << 20) + 1] {
            let class = size_class(bytes).unwrap();
            assert!(class >= bytes && class.is_multiple_of(LINE));
            assert!(
                class <= bytes.max(LINE) + (bytes / 8).max(LINE),
                "{bytes}: {class}"
            );
        }
    }

    #[test]
    fn no_buffer_is_smaller_than_what_was_asked_for() {
        let refused = |make: fn() -> Buffer<f32>| {
            let panic = catch_unwind(make).err().unwrap();
            *panic.downcast::<&str>().unwrap()
        };
        // Four times the length wraps around to 0 bytes.
        let wrapped = || Buffer::<f32>::of_any(usize::MAX / 4 + 1);
        assert_eq!(refused(wrapped), "capacity overflow");
        // Bytes that a `usize` can count, but no address can reach.
        let unreachable = || Buffer::<f32>::zeros(isize::MAX as usize / 4 + 1);
        assert_eq!(refused(unreachable), "capacity overflow");
        for bytes in [isize::MAX as usize, usize::MAX / 2 + 1, usize::MAX] {
            assert_eq!(layout(bytes), None, "{bytes}");
        }
        assert_eq!(layout(0).unwrap().size(), LINE);
        assert_eq!(checked_count(&[1 << 40, 1 << 40]), None);
        assert_eq!(checked_count(&[3, 5, 7]), Some(105));
    }
}
