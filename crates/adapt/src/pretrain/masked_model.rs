//! A BERT with its masked-language-modelling head: loss, gradients, update.

use burn::tensor::{Device, Int, Tensor, TensorData};
use lingo_artifact::Label;
use lingo_lm::{Adaptation, MlmHead, Model, ModelConfig};

use crate::batching::pad;
use crate::error::Error;
use crate::network::store::{ParameterStore, add, download};
use crate::pretrain::masking::Masked;
use crate::train::loss::summed_loss;
use crate::train::target_scale::TargetScale;

/// The model, its head, and the values of both on the host.
pub(super) struct MaskedModel {
    pub model: Model,
    pub head: MlmHead,
    /// The model's tensors in its order, then the head's.
    pub store: ParameterStore,
    device: Device,
}

impl MaskedModel {
    /// Random weights. Positions begin as sinusoids that stand out of the words' noise, without
    /// which attention takes much longer to find a token's neighbours.
    pub fn random(config: ModelConfig, seed: u64, device: &Device) -> Result<Self, Error> {
        let deviation = 2.0 * config.initializer_range;
        let mut model = Model::random(config, seed, device)?;
        model.set_sinusoidal_positions(deviation)?;
        let head = MlmHead::random(&model, seed)?;
        Self::new(model, head, device)
    }

    /// All tensors of both are trained.
    pub fn new(mut model: Model, mut head: MlmHead, device: &Device) -> Result<Self, Error> {
        let mut store = ParameterStore::default();
        for parameters in [model.parameters_mut(), head.parameters_mut()] {
            let names: Vec<String> = parameters
                .tensors()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            parameters.require_grad(&names)?;
            for name in names {
                let values = parameters.values(&name)?;
                store.add(name, &[values.len()], values);
            }
        }
        Ok(Self {
            model,
            head,
            store,
            device: device.clone(),
        })
    }

    /// The mean loss of the hidden tokens in nats; adds its gradients to `gradients`, as long as the store.
    pub fn loss_and_gradients(&self, masked: &Masked, gradients: &mut [f32]) -> Result<f64, Error> {
        let logits = self.logits(masked)?;
        let n = masked.targets.len();
        let (loss, slope) = self.loss_and_slope(&logits, masked, 1.0 / n as f64)?;
        if loss.is_finite() {
            // The loss and its slope are the host's; what is left for the device is the chain rule.
            let slope = TensorData::new(slope, [n, self.model.config().vocab_size]);
            let slope = Tensor::<2>::from_data(slope, &self.device);
            let found = (logits * slope).sum().backward();
            let in_model = self.model.tensors().len();
            for (i, entry) in self.store.entries.iter().enumerate() {
                let owner = if i < in_model {
                    self.model.parameters()
                } else {
                    self.head.parameters()
                };
                if let Some(gradient) = owner.gradient(&entry.name, &found)? {
                    add(&mut gradients[entry.range.clone()], &gradient);
                }
            }
        }
        Ok(loss / n as f64)
    }

    /// The summed loss of the hidden tokens in nats.
    pub fn summed_loss(&self, masked: &Masked) -> Result<f64, Error> {
        let logits = self.logits(masked)?;
        Ok(self.loss_and_slope(&logits, masked, 0.0)?.0)
    }

    /// Gives the store's values to the model and the head.
    pub fn take_over_values(&mut self) -> Result<(), Error> {
        let in_model = self.model.tensors().len();
        for i in 0..self.store.entries.len() {
            let owner = if i < in_model {
                self.model.parameters_mut()
            } else {
                self.head.parameters_mut()
            };
            owner.set(&self.store.entries[i].name, self.store.slice(i).to_vec())?;
        }
        Ok(())
    }

    /// `[hidden tokens, vocabulary]`.
    fn logits(&self, masked: &Masked) -> Result<Tensor<2>, Error> {
        let batch = pad(
            masked.rows.iter().map(Vec::as_slice),
            self.model.config().pad_token_id,
        );
        batch.check(self.model.config(), 0)?;
        // One further for [CLS].
        let places: Vec<i32> = masked
            .hidden
            .iter()
            .map(|(row, token)| (row * batch.length + token + 1) as i32)
            .collect();
        let places = TensorData::new(places, [masked.hidden.len()]);
        let places = Tensor::<1, Int>::from_data(places, &self.device);
        let states = self.model.forward(&batch, Adaptation::none()).states;
        let [rows, length, width] = states.dims();
        let states = states.reshape([rows * length, width]).select(0, places);
        Ok(self.head.logits(&self.model, states))
    }

    fn loss_and_slope(
        &self,
        logits: &Tensor<2>,
        masked: &Masked,
        scale: f64,
    ) -> Result<(f64, Vec<f32>), Error> {
        let values = download(logits.clone().without_autodiff())?;
        let labels: Vec<Label> = masked.targets.iter().map(|&id| Label::Class(id)).collect();
        let labels: Vec<&Label> = labels.iter().collect();
        let mut slope = vec![0.0; values.len()];
        let outputs = self.model.config().vocab_size;
        let loss = summed_loss(
            &values,
            outputs,
            &labels,
            &TargetScale::NONE,
            scale,
            &mut slope,
        );
        Ok((loss, slope))
    }
}
