//! A slice of plain values, aligned to a cache line, whose memory is used again.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::memory::pool::Memory;
use crate::memory::size::count;

/// Types of which every bit pattern is a value, zero included.
///
/// # Safety
/// Whoever implements it vouches for that: a buffer hands out memory with whatever bits stand in it.
pub(crate) unsafe trait Plain: Copy + Send + Sync + 'static {}
// SAFETY: numbers without a bit pattern that is no value.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}

/// An owned slice, like a boxed one, whose memory comes from the pool and goes back to it.
pub(crate) struct Buffer<T: Plain> {
    memory: Memory,
    length: usize,
    values: PhantomData<T>,
}

impl<T: Plain> Buffer<T> {
    /// `length` values that the caller will write: until then zeros, or what an earlier buffer left.
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

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn buffers_are_aligned_to_a_cache_line() {
        let buffer = Buffer::<f32>::zeros(1000);
        assert_eq!(buffer.as_ptr() as usize % 64, 0);
        assert!(buffer.len() == 1000 && buffer.iter().all(|&x| x == 0.0));
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
    }
}
