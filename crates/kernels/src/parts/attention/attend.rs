//! Attention forward.

use crate::batch::Sequence;
use crate::memory::buffer::Buffer;
use crate::memory::size::count;
use crate::numbers::element::Element;
use crate::numbers::matrix::Matrix;
use crate::parts::attention::head::{Local, ProbabilityMask, drop, probabilities, put, take};
use crate::parts::attention::heads::{Attention, Heads};
use crate::product::packed::Strided;
use crate::simd::vector::{Kernel, Simd};

/// `softmax(q k^T / sqrt(size)) v` for every sequence and head of a chunk.
pub(crate) struct Attend<'a, T: Element> {
    pub attention: &'a Attention,
    pub sequences: &'a [Sequence],
    pub qkv: [&'a Matrix<T>; 3],
    pub mask: Option<ProbabilityMask<'a>>,
    /// The kernel writes every value; the padding it leaves.
    pub out: &'a mut Matrix<f32>,
}

impl<T: Element> Kernel for Attend<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Heads { heads, size, .. } = self.attention.heads;
        let longest = self.sequences.iter().map(|s| s.length).max().unwrap_or(0);
        let angles = self.attention.angles(longest);
        let angles = angles.as_deref();
        let mut local = Local::new(longest, size);
        let mut out = Buffer::<f32>::zeros(count(&[longest, local.narrow]));
        for &sequence in self.sequences {
            for head in 0..heads {
                unsafe {
                    probabilities::<S, T>(
                        self.attention,
                        self.qkv,
                        sequence,
                        head,
                        angles,
                        &mut local,
                    );
                    let Local { narrow, wide, .. } = local;
                    if let Some(mask) = self.mask {
                        drop::<S>(mask, heads, sequence, head, &mut local.scores, wide);
                    }
                    let shared = self.attention.shared(head);
                    take::<S, T>(self.qkv[2], sequence, shared, size, &mut local.v, narrow);
                    Strided {
                        a: local.scores.as_ptr(),
                        a_row: wide,
                        a_step: 1,
                        b: local.v.as_ptr(),
                        b_row: narrow,
                        c: out.as_mut_ptr(),
                        c_row: narrow,
                        rows: sequence.length,
                        depth: sequence.length,
                        width: size,
                    }
                    .multiply::<S>();
                    put(&out, narrow, sequence, head, size, self.out);
                }
            }
        }
    }
}
