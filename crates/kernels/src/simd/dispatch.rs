//! From an instruction set that is known at run time to code that was compiled for it.

use crate::simd::level::Level;
use crate::simd::vector::{Kernel, Simd};

/// Work that is generic over the instruction set, above the kernels.
pub(crate) trait Work {
    type Out;
    fn run<S: Simd>(self) -> Self::Out;
}

/// Runs `work` with the instruction set of `level`.
///
/// # Panics
/// If the processor lacks it: [`call`] rests on its being here.
pub(crate) fn on_level<W: Work>(level: Level, work: W) -> W::Out {
    assert!(level.is_here(), "this processor lacks {level}");
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512Bf16 => work.run::<crate::simd::x86::Avx512Bf16>(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => work.run::<crate::simd::x86::Avx512>(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => work.run::<crate::simd::x86::Avx2>(),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => work.run::<crate::simd::neon::Neon>(),
        _ => work.run::<crate::simd::portable::Portable>(),
    }
}

/// Runs one kernel, inside [`Work`] that [`on_level`] runs.
pub(crate) fn call<S: Simd, K: Kernel>(kernel: K) -> K::Out {
    // SAFETY: the processor has `S`, because nothing but `on_level` chooses it, and it asks first. The
    // kernel's pointers come from matrices, whose sizes the passes check or this crate made itself.
    unsafe { S::call(kernel) }
}
