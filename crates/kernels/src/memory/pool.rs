//! Memory from the system, kept for the next step instead of being freed.
//!
//! A training step asks for the same sizes as the one before it. Fresh memory from the system
//! costs a page fault for every 4 KiB, some 10 % of a step; buffers go back to a pool instead.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use crate::memory::size::capacity_overflow;

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

/// Bytes from the system. Dropping it frees nothing: a buffer gives it back to the pool
/// ([`Memory::give_back`]), and [`release_memory`] frees what lies there.
pub(super) struct Memory {
    pub(super) at: NonNull<u8>,
    /// What it was allocated with, and is freed with.
    pub(super) layout: Layout,
}

// SAFETY: it owns what it points to.
unsafe impl Send for Memory {}
// SAFETY: shared access only reads.
unsafe impl Sync for Memory {}

/// What was given back, by size.
static POOL: Mutex<BTreeMap<usize, Vec<Memory>>> = Mutex::new(BTreeMap::new());

impl Memory {
    /// At least `bytes`: the smallest of the pool that is not much too large, else fresh.
    pub(super) fn take(bytes: usize) -> Self {
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

    pub(super) fn give_back(self) {
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
    use super::*;

    #[test]
    fn size_classes_waste_little() {
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
    fn a_size_that_no_address_reaches_has_no_layout() {
        for bytes in [isize::MAX as usize, usize::MAX / 2 + 1, usize::MAX] {
            assert_eq!(layout(bytes), None, "{bytes}");
        }
        assert_eq!(layout(0).unwrap().size(), LINE);
    }
}
