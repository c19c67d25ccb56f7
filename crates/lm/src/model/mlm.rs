//! The head of masked-language modelling, used by pretraining only:
//! `transformers.BertForMaskedLM`'s `cls.predictions`, its decoder tied to the word embedding.

use std::path::Path;

use burn::tensor::Tensor;

use crate::config::family::Family;
use crate::config::model_config::ModelConfig;
use crate::error::Error;
use crate::model::loaded::{CheckpointSource, Model};
use crate::parts::pass::{activate, layer_norm};
use crate::weights::checkpoint::Checkpoint;
use crate::weights::initialise::RandomWeights;
use crate::weights::parameters::{Id, Kind, Parameters, Source};

/// A masked-language-modelling head for a [`Model`] of the BERT family.
pub struct MlmHead {
    parameters: Parameters,
    dense: Id,
    dense_bias: Id,
    norm: Id,
    norm_bias: Id,
    bias: Id,
}

impl MlmHead {
    /// Loads the head of a folder that holds one.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load(folder: &Path, model: &Model) -> Result<Self, Error> {
        let checkpoint = Checkpoint::open(folder, &Family::Bert.prefix())?;
        Self::build(model, &mut CheckpointSource(&checkpoint))
    }

    /// A head with random weights.
    ///
    /// # Errors
    /// None that depend on the weights; the signature is [`MlmHead::load`]'s.
    pub fn random(model: &Model, seed: u64) -> Result<Self, Error> {
        let mut source = RandomWeights {
            seed,
            standard_deviation: model.config().initializer_range,
        };
        Self::build(model, &mut source)
    }

    fn build(model: &Model, source: &mut dyn Source) -> Result<Self, Error> {
        let ModelConfig {
            hidden_size: hidden,
            vocab_size,
            ..
        } = *model.config();
        let mut parameters = Parameters::new(model.parameters().device());
        let mut add = |name: &str, shape: &[usize], kind: Kind| {
            parameters.add(source, format!("cls.predictions.{name}"), shape, kind)
        };
        let dense = add("transform.dense.weight", &[hidden, hidden], Kind::Linear)?;
        let dense_bias = add("transform.dense.bias", &[hidden], Kind::Bias)?;
        let norm = add("transform.LayerNorm.weight", &[hidden], Kind::Scale)?;
        let norm_bias = add("transform.LayerNorm.bias", &[hidden], Kind::Bias)?;
        let bias = add("bias", &[vocab_size], Kind::Bias)?;
        Ok(Self {
            parameters,
            dense,
            dense_bias,
            norm,
            norm_bias,
            bias,
        })
    }

    /// The head's own tensors.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The head's own tensors, to replace or to train.
    pub fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// Logits `[n, vocab_size]` for the states `[n, hidden]` of the masked positions.
    pub fn logits(&self, model: &Model, states: Tensor<2>) -> Tensor<2> {
        let autodiff = states.is_autodiff();
        let vector = |id| self.parameters.vector(id, autodiff);
        let x = states.matmul(self.parameters.matrix(self.dense, autodiff))
            + vector(self.dense_bias).unsqueeze();
        let x = activate(model.config().activation, x);
        let epsilon = model.config().layer_norm_eps;
        let x = layer_norm(x, vector(self.norm), vector(self.norm_bias), epsilon);
        let word = model.parameters().matrix(model.word_embedding(), autodiff);
        x.matmul(word.transpose()) + vector(self.bias).unsqueeze()
    }
}
