//! The tensors of a model by their Hugging Face names.
//!
//! Linear weights are held as `[input, output]`, the layout that the forward pass multiplies
//! by; Hugging Face files hold `[output, input]`. Values and gradients pass in the model's
//! layout, which an optimizer that works element by element need not know.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{Device, Gradients, Tensor, TensorData};

use crate::error::Error;
use crate::weights::checkpoint::Checkpoint;

/// How a tensor of a file becomes one of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A linear layer's weight: `[output, input]` in files, `[input, output]` here.
    Linear,
    /// One that stands in files as it does here.
    Turned,
    /// An embedding, `[rows, width]`.
    Embedding {
        /// The row that random initialisation leaves zero.
        padding: Option<usize>,
    },
    /// A bias, zero at first.
    Bias,
    /// A layer norm's weight, one at first.
    Scale,
}

/// Where a model's values come from: a checkpoint, or a random generator.
pub trait Source {
    /// The values of one tensor in Hugging Face's layout and `shape`.
    ///
    /// # Errors
    /// The tensor is missing or misshapen.
    fn values(&mut self, name: &str, shape: &[usize], kind: Kind) -> Result<Vec<f32>, Error>;

    /// Whether an optional tensor is there.
    fn has(&self, name: &str) -> bool;

    /// Where the values of a tensor of this shape can be read later, by its name.
    ///
    /// # Errors
    /// As [`Source::values`].
    fn later(&self, _name: &str, _shape: &[usize]) -> Result<Option<Arc<Checkpoint>>, Error> {
        Ok(None)
    }
}

/// The index of one tensor of a [`Parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(usize);

#[derive(Clone)]
enum Value {
    Vector(Tensor<1>),
    Matrix(Tensor<2>),
    /// Not read yet.
    InFile(Arc<Checkpoint>),
    /// Packed elsewhere, and no longer here.
    Released,
}

struct Parameter {
    name: String,
    kind: Kind,
    /// In the model's layout.
    shape: Vec<usize>,
    value: Value,
    trainable: bool,
}

/// All tensors of a model, or of a head, on one device.
pub struct Parameters {
    device: Device,
    entries: Vec<Parameter>,
    by_name: HashMap<String, usize>,
}

impl Parameters {
    pub(crate) fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            entries: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    /// Takes one tensor from a source; `shape` is Hugging Face's.
    pub(crate) fn add(
        &mut self,
        source: &mut dyn Source,
        name: String,
        shape: &[usize],
        kind: Kind,
    ) -> Result<Id, Error> {
        let later = source.later(&name, shape)?;
        let mut shape = shape.to_vec();
        if kind == Kind::Linear {
            shape.reverse();
        }
        let value = match later {
            Some(file) => Value::InFile(file),
            None => {
                let of_file = of_file(kind, &shape);
                let values = source.values(&name, &of_file, kind)?;
                upload(
                    in_model(kind, values, &of_file),
                    &shape,
                    &self.device,
                    false,
                )
            }
        };
        let index = self.entries.len();
        self.by_name.insert(name.clone(), index);
        self.entries.push(Parameter {
            name,
            kind,
            shape,
            value,
            trainable: false,
        });
        Ok(Id(index))
    }

    /// The device that holds the tensors.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Names and shapes, as Hugging Face has them, in the model's order.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.entries
            .iter()
            .map(|entry| (entry.name.clone(), of_file(entry.kind, &entry.shape)))
            .collect()
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The number of values in all tensors.
    pub fn count(&self) -> usize {
        self.entries
            .iter()
            .map(|entry| entry.shape.iter().product::<usize>())
            .sum()
    }

    /// Whether any tensor gathers a gradient.
    pub fn any_trainable(&self) -> bool {
        self.entries.iter().any(|entry| entry.trainable)
    }

    /// A tensor's values in the model's layout.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`]; [`Error::Device`] if the device fails to give them.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, Error> {
        self.download(&self.entries[self.index(name)?])
    }

    /// Reads what is still in files.
    ///
    /// # Errors
    /// As [`Parameters::values`].
    pub(crate) fn read_all(&mut self) -> Result<(), Error> {
        for index in 0..self.entries.len() {
            if matches!(self.entries[index].value, Value::InFile(_)) {
                let values = self.download(&self.entries[index])?;
                let entry = &mut self.entries[index];
                entry.value = upload(values, &entry.shape, &self.device, entry.trainable);
            }
        }
        Ok(())
    }

    /// Lets a tensor go: the engine holds it from now on.
    #[cfg(feature = "cpu")]
    pub(crate) fn release(&mut self, id: Id) {
        self.entries[id.0].value = Value::Released;
    }

    /// A tensor's values and shape in the model's layout.
    #[cfg(feature = "cpu")]
    pub(crate) fn host(&self, id: Id) -> Result<(Vec<f32>, &[usize]), Error> {
        let entry = &self.entries[id.0];
        Ok((self.download(entry)?, &entry.shape))
    }

    /// A tensor's values as Hugging Face lays them out.
    ///
    /// # Errors
    /// As [`Parameters::values`].
    pub fn values_for_file(&self, name: &str) -> Result<Vec<f32>, Error> {
        let entry = &self.entries[self.index(name)?];
        let values = self.download(entry)?;
        Ok(if entry.kind == Kind::Linear {
            transposed(&values, entry.shape[0], entry.shape[1])
        } else {
            values
        })
    }

    /// Replaces a tensor's values, in the model's layout. A trainable tensor stays trainable,
    /// as a new leaf of the next graph.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::WrongLength`].
    pub fn set(&mut self, name: &str, values: Vec<f32>) -> Result<(), Error> {
        let index = self.index(name)?;
        let entry = &mut self.entries[index];
        if matches!(entry.value, Value::Released) {
            return Err(released(name));
        }
        let expected = entry.shape.iter().product();
        if values.len() != expected {
            return Err(Error::WrongLength {
                name: name.to_owned(),
                expected,
                got: values.len(),
            });
        }
        entry.value = upload(values, &entry.shape, &self.device, entry.trainable);
        Ok(())
    }

    /// Makes the named tensors leaves that gather gradients.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`]; [`Error::Device`] if the device has no autodiff.
    pub fn require_grad<S: AsRef<str>>(&mut self, names: &[S]) -> Result<(), Error> {
        if !self.device.is_autodiff() {
            return Err(Error::Device {
                device: format!("{:?}", self.device),
                problem: "has no autodiff: load the model on `device.autodiff()`".to_owned(),
            });
        }
        for name in names {
            let index = self.index(name.as_ref())?;
            let entry = &mut self.entries[index];
            entry.trainable = true;
            entry.value = match entry.value.clone() {
                Value::Vector(tensor) => Value::Vector(tensor.detach().require_grad()),
                Value::Matrix(tensor) => Value::Matrix(tensor.detach().require_grad()),
                Value::InFile(_) | Value::Released => return Err(released(name.as_ref())),
            };
        }
        Ok(())
    }

    /// Makes every tensor a constant again: what follows is computed without a graph.
    pub fn freeze(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| entry.trainable) {
            entry.trainable = false;
            entry.value = match entry.value.clone() {
                Value::Vector(tensor) => Value::Vector(on(on(tensor, false), true)),
                Value::Matrix(tensor) => Value::Matrix(on(on(tensor, false), true)),
                other @ (Value::InFile(_) | Value::Released) => other,
            };
        }
    }

    /// A trainable tensor's gradient in the model's layout; `None` where the loss does not
    /// depend on it.
    ///
    /// # Errors
    /// As [`Parameters::values`].
    pub fn gradient(&self, name: &str, gradients: &Gradients) -> Result<Option<Vec<f32>>, Error> {
        let gradient = match &self.entries[self.index(name)?].value {
            Value::Vector(tensor) => tensor.grad(gradients).map(Value::Vector),
            Value::Matrix(tensor) => tensor.grad(gradients).map(Value::Matrix),
            Value::InFile(_) | Value::Released => return Err(released(name)),
        };
        gradient.map(|value| self.on_host(name, value)).transpose()
    }

    /// Adds rows behind an embedding.
    pub(crate) fn append_rows(&mut self, id: Id, rows: &[f32]) -> Result<usize, Error> {
        let name = self.entries[id.0].name.clone();
        let width = self.entries[id.0].shape[1];
        if !rows.len().is_multiple_of(width) {
            return Err(Error::WrongLength {
                name,
                expected: rows.len().div_ceil(width) * width,
                got: rows.len(),
            });
        }
        let mut values = self.values(&name)?;
        values.extend_from_slice(rows);
        let entry = &mut self.entries[id.0];
        entry.shape[0] = values.len() / width;
        entry.value = upload(values, &entry.shape, &self.device, entry.trainable);
        Ok(entry.shape[0])
    }

    pub(crate) fn name(&self, id: Id) -> &str {
        &self.entries[id.0].name
    }

    /// A vector, on the autodiff device if `autodiff`, else on the plain one below it.
    pub(crate) fn vector(&self, id: Id, autodiff: bool) -> Tensor<1> {
        match &self.entries[id.0].value {
            Value::Vector(tensor) => on(tensor.clone(), autodiff),
            Value::Matrix(tensor) => on(tensor.clone().flatten(0, 1), autodiff),
            Value::InFile(_) | Value::Released => self.not_here(id),
        }
    }

    /// A matrix; see [`Parameters::vector`]. A vector comes as one row.
    pub(crate) fn matrix(&self, id: Id, autodiff: bool) -> Tensor<2> {
        match &self.entries[id.0].value {
            Value::Vector(tensor) => on(tensor.clone().unsqueeze(), autodiff),
            Value::Matrix(tensor) => on(tensor.clone(), autodiff),
            Value::InFile(_) | Value::Released => self.not_here(id),
        }
    }

    fn not_here(&self, id: Id) -> ! {
        unreachable!("{} is packed, or not read", self.entries[id.0].name)
    }

    fn index(&self, name: &str) -> Result<usize, Error> {
        self.by_name
            .get(name)
            .copied()
            .ok_or_else(|| Error::UnknownParameter {
                name: name.to_owned(),
            })
    }

    fn download(&self, entry: &Parameter) -> Result<Vec<f32>, Error> {
        if let Value::InFile(file) = &entry.value {
            let of_file = of_file(entry.kind, &entry.shape);
            let values = file.read(&entry.name, &of_file)?;
            return Ok(in_model(entry.kind, values, &of_file));
        }
        self.on_host(&entry.name, entry.value.clone())
    }

    fn on_host(&self, name: &str, value: Value) -> Result<Vec<f32>, Error> {
        let data = match value {
            Value::Vector(tensor) => tensor.try_into_data_as::<f32>(),
            Value::Matrix(tensor) => tensor.try_into_data_as::<f32>(),
            Value::InFile(_) | Value::Released => return Err(released(name)),
        };
        let fail = |problem: String| Error::Device {
            device: format!("{:?}", self.device),
            problem,
        };
        let data = data.map_err(|error| fail(error.to_string()))?;
        let values = data
            .as_slice::<f32>()
            .map_err(|error| fail(error.to_string()))?;
        Ok(values.to_vec())
    }
}

/// A tensor's shape in files; `shape` is the model's.
fn of_file(kind: Kind, shape: &[usize]) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if kind == Kind::Linear {
        shape.reverse();
    }
    shape
}

/// Values of a file in the model's layout; `shape` is the file's.
fn in_model(kind: Kind, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
    match kind {
        Kind::Linear => transposed(&values, shape[0], shape[1]),
        _ => values,
    }
}

/// A tensor in or out of the autodiff context; moving it there copies nothing.
pub(crate) fn on<const D: usize>(tensor: Tensor<D>, autodiff: bool) -> Tensor<D> {
    if autodiff {
        tensor.autodiff()
    } else {
        tensor.without_autodiff()
    }
}

fn released(name: &str) -> Error {
    Error::Released {
        name: name.to_owned(),
    }
}

fn upload(values: Vec<f32>, shape: &[usize], device: &Device, trainable: bool) -> Value {
    match *shape {
        [rows, columns] => {
            let tensor = Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), device);
            Value::Matrix(if trainable {
                tensor.require_grad()
            } else {
                tensor
            })
        }
        _ => {
            let length = values.len();
            let tensor = Tensor::<1>::from_data(TensorData::new(values, [length]), device);
            Value::Vector(if trainable {
                tensor.require_grad()
            } else {
                tensor
            })
        }
    }
}

/// `[rows, columns]` to `[columns, rows]`, in blocks that stay in the cache.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const BLOCK: usize = 32;
    let mut out = vec![0.0; values.len()];
    for row in (0..rows).step_by(BLOCK) {
        for column in (0..columns).step_by(BLOCK) {
            for i in row..rows.min(row + BLOCK) {
                for j in column..columns.min(column + BLOCK) {
                    out[j * rows + i] = values[i * columns + j];
                }
            }
        }
    }
    out
}
