//! The trained parameters: one flat vector on the host, with names and shapes.

use std::ops::Range;

use burn::tensor::{Device, Gradients, Tensor, TensorData, Transaction};

/// One named tensor of a [`ParameterStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: String,
    /// One or two sizes.
    pub shape: Vec<usize>,
    pub range: Range<usize>,
}

/// Trained parameters with AdamW's two moments. Values stay here between the steps; each step
/// uploads them as leaves of a new graph, and their gradients come back as one flat vector.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParameterStore {
    pub entries: Vec<Entry>,
    pub values: Vec<f32>,
    pub first_moments: Vec<f32>,
    pub second_moments: Vec<f32>,
    /// Optimizer steps done.
    pub steps: u64,
}

impl ParameterStore {
    /// Adds a tensor behind the others; its index.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) -> usize {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        let begin = self.values.len();
        self.values.extend(values);
        self.first_moments.resize(self.values.len(), 0.0);
        self.second_moments.resize(self.values.len(), 0.0);
        self.entries.push(Entry {
            name: name.into(),
            shape: shape.to_vec(),
            range: begin..self.values.len(),
        });
        self.entries.len() - 1
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The values of one tensor.
    pub fn slice(&self, entry: usize) -> &[f32] {
        &self.values[self.entries[entry].range.clone()]
    }

    /// One tensor as a leaf of a new graph; a tracked one gathers a gradient.
    pub fn leaf(&self, entry: usize, device: &Device, tracked: bool) -> Leaf {
        let shape = &self.entries[entry].shape;
        Leaf::new(self.slice(entry).to_vec(), shape, device, tracked)
    }

    /// Part of one tensor as such a leaf: the places `which` of its axis `along`.
    pub fn part(
        &self,
        entry: usize,
        along: usize,
        which: &[usize],
        device: &Device,
        tracked: bool,
    ) -> PartialLeaf {
        let shape = &self.entries[entry].shape;
        let block = shape[along..].iter().product::<usize>().max(1);
        let inner = block / shape[along].max(1);
        let whole = self.slice(entry);
        let mut values = Vec::with_capacity(whole.len());
        for block in whole.chunks_exact(block) {
            for i in which {
                values.extend_from_slice(&block[i * inner..(i + 1) * inner]);
            }
        }
        let mut shape = shape.clone();
        shape[along] = which.len();
        PartialLeaf {
            leaf: Leaf::new(values, &shape, device, tracked),
            which: which.to_vec(),
            block,
            inner,
        }
    }
}

/// `sum += values`.
pub(crate) fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}

/// Part of a tensor, uploaded.
pub(crate) struct PartialLeaf {
    pub leaf: Leaf,
    which: Vec<usize>,
    /// Values of the axis and all within it.
    block: usize,
    /// Values within one place of the axis.
    inner: usize,
}

impl PartialLeaf {
    /// Adds values of the part to the whole tensor's.
    pub fn add(&self, values: &[f32], into: &mut [f32]) {
        let blocks = into.chunks_exact_mut(self.block);
        for (block, values) in blocks.zip(values.chunks_exact(self.which.len() * self.inner)) {
            for (i, values) in self.which.iter().zip(values.chunks_exact(self.inner)) {
                add(&mut block[i * self.inner..(i + 1) * self.inner], values);
            }
        }
    }
}

/// One uploaded tensor.
pub(crate) enum Leaf {
    Vector(Tensor<1>),
    Matrix(Tensor<2>),
}

impl Leaf {
    fn new(values: Vec<f32>, shape: &[usize], device: &Device, tracked: bool) -> Self {
        match *shape {
            [rows, columns] => {
                let tensor =
                    Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), device);
                Self::Matrix(if tracked {
                    tensor.require_grad()
                } else {
                    tensor
                })
            }
            _ => {
                let length = values.len();
                let tensor = Tensor::<1>::from_data(TensorData::new(values, [length]), device);
                Self::Vector(if tracked {
                    tensor.require_grad()
                } else {
                    tensor
                })
            }
        }
    }

    /// As a matrix; a vector comes as one row.
    pub fn matrix(&self) -> Tensor<2> {
        match self {
            Self::Vector(tensor) => tensor.clone().unsqueeze(),
            Self::Matrix(tensor) => tensor.clone(),
        }
    }

    /// Asks for the gradient of a tracked leaf; whether there is one: the loss may not depend on it.
    pub fn register_gradient(
        &self,
        gradients: &mut Gradients,
        into: Transaction,
    ) -> (Transaction, bool) {
        match self {
            Self::Vector(tensor) => register(tensor.grad_remove(gradients), into),
            Self::Matrix(tensor) => register(tensor.grad_remove(gradients), into),
        }
    }
}

fn register<const D: usize>(gradient: Option<Tensor<D>>, into: Transaction) -> (Transaction, bool) {
    match gradient {
        Some(gradient) => (into.register(gradient), true),
        None => (into, false),
    }
}

/// What a transaction asks a device for, in the order of asking, each row-major.
///
/// # Errors
/// The device failed to give them.
pub(crate) fn downloaded(
    transaction: Transaction,
    device: &Device,
) -> Result<Vec<Vec<f32>>, lingo_lm::Error> {
    let failed = |problem: String| lingo_lm::Error::Device {
        device: format!("{device:?}"),
        problem,
    };
    let found = transaction
        .try_execute()
        .map_err(|error| failed(error.to_string()))?;
    found
        .into_iter()
        .map(|data| {
            data.try_into_vec::<f32>()
                .map_err(|error| failed(format!("{error:?}")))
        })
        .collect()
}

/// A tensor's values on the host, row-major.
///
/// # Errors
/// The device failed to give them.
pub(crate) fn download<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, lingo_lm::Error> {
    let device = format!("{:?}", tensor.device());
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| lingo_lm::Error::Device {
            device,
            problem: error.to_string(),
        })
}
