//! A loaded model and its forward pass.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Gradients, Tensor};
use lingo_kernels::{NormKind, Quantization, QuantizedMatrix};

use crate::adaptation::Adaptation;
use crate::batch::Batch;
use crate::config::model_config::ModelConfig;
use crate::device::device_name;
#[cfg(feature = "cpu")]
use crate::engine::operation::Engine;
use crate::engine::packing::Packing;
use crate::error::Error;
use crate::families::family::Layers;
#[cfg(feature = "cpu")]
use crate::parts::pass::PackedBlocks;
use crate::parts::pass::{Builder, NormStyle, Pass};
use crate::parts::site::Site;
use crate::weights::checkpoint::Checkpoint;
use crate::weights::initialise::{RandomWeights, sinusoidal_positions};
use crate::weights::parameters::{Id, Kind, Parameters, Source, on, transposed};

/// What a forward pass puts out.
pub struct Hidden {
    /// The last layer's states, `[batch, length, width]`. Those at padding have no meaning.
    pub states: Tensor<3>,
    /// BERT's pooler, `tanh(W h + b)` of the first token, `[batch, hidden]`, where the folder
    /// has one.
    pub pooled: Option<Tensor<2>>,
}

/// A language model on a device. Its tensors carry no gradient unless
/// [`Parameters::require_grad`] asks for one.
pub struct Model {
    config: ModelConfig,
    parameters: Parameters,
    sites: Vec<Site>,
    layers: Box<dyn Layers>,
    /// How the blocks' weights were rounded.
    quantization: Option<Quantization>,
    #[cfg(feature = "cpu")]
    engine: Option<Engine>,
}

impl Model {
    /// Loads a Hugging Face folder: `config.json` and `model.safetensors` (or its shards).
    /// For training, `device` is an autodiff device.
    ///
    /// # Errors
    /// A file is missing or broken, a tensor is missing, misshapen, of an unusable type, or
    /// unknown to the family; each error names the file and what is at fault in it.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, Error> {
        let config = ModelConfig::read(folder)?;
        let checkpoint = Checkpoint::open(folder, &config.family.prefix())?;
        let model = Self::build(config, &mut CheckpointSource(&checkpoint), device)?;
        model.refuse_unknown(&checkpoint)?;
        Ok(model)
    }

    /// Loads a folder for the kernels of this processor: [`Model::load`] and [`Model::pack`], but each block is read
    /// when it is packed, so that no more than one of them stands in memory in `f32`. On any other device it is loaded
    /// as it is, and its weights are [rounded](Model::quantize).
    ///
    /// # Errors
    /// As [`Model::load`] and [`Model::pack`].
    pub fn load_packed(folder: &Path, device: &Device, packing: Packing) -> Result<Self, Error> {
        let config = ModelConfig::read(folder)?;
        let checkpoint = Arc::new(Checkpoint::open(folder, &config.family.prefix())?);
        let mut model = Self::build(config, &mut LaterSource(checkpoint.clone()), device)?;
        model.refuse_unknown(&checkpoint)?;
        let is_packed = model.pack(packing)?;
        model.parameters.read_all()?;
        match packing.quantization {
            Some(kind) if !is_packed => model.quantize(kind)?,
            _ => (),
        }
        Ok(model)
    }

    /// Rounds the weights of the blocks' linear layers to what they are in few bits. They still take 32 bits each: this
    /// is for devices and methods that have no kernels for few bits, and gives the values that those have.
    ///
    /// # Errors
    /// [`Error::Released`] where the blocks are packed; [`Error::Device`].
    pub fn quantize(&mut self, kind: Quantization) -> Result<(), Error> {
        for site in self.sites.iter().filter(|site| site.layer.is_some()) {
            let name = format!("{}.weight", site.name);
            let (input, output) = (site.input, site.output);
            let values = self.parameters.values(&name)?;
            let rounded = QuantizedMatrix::new(kind, &transposed(&values, input, output), input);
            let values = transposed(&rounded.values(), output, input);
            self.parameters.set(&name, values)?;
        }
        self.quantization = Some(kind);
        Ok(())
    }

    /// How the blocks' weights were rounded, if they were.
    pub fn quantization(&self) -> Option<Quantization> {
        self.quantization
    }

    /// A model with random weights, as `transformers` initialises them: N(0,
    /// `initializer_range`), biases 0, norms 1. Without a pooler.
    ///
    /// # Errors
    /// None that depend on the weights; the signature is [`Model::load`]'s.
    pub fn random(config: ModelConfig, seed: u64, device: &Device) -> Result<Self, Error> {
        let mut source = RandomWeights {
            seed,
            standard_deviation: config.initializer_range,
        };
        Self::build(config, &mut source, device)
    }

    fn build(config: ModelConfig, source: &mut dyn Source, device: &Device) -> Result<Self, Error> {
        let mut builder = Builder {
            source,
            parameters: Parameters::new(device),
            sites: Vec::new(),
            epsilon: config.layer_norm_eps,
            norms: NormStyle {
                kind: NormKind::Layer,
                bias: true,
            },
            linears: Kind::Linear,
        };
        let layers = config.family.model().build(&config, &mut builder)?;
        let Builder {
            parameters, sites, ..
        } = builder;
        Ok(Self {
            config,
            parameters,
            sites,
            layers,
            quantization: None,
            #[cfg(feature = "cpu")]
            engine: None,
        })
    }

    /// Packs the blocks for the kernels of this processor, on the CPU; on any other device nothing
    /// changes. From then on the blocks are frozen: no tensor of theirs can be read, replaced or
    /// trained. Whether it did; `LINGO_KERNELS=off` in the environment prevents it.
    ///
    /// # Errors
    /// [`Error::Device`] if `LINGO_KERNELS` names an instruction set that this processor lacks.
    #[cfg_attr(not(feature = "cpu"), allow(unused_variables))]
    pub fn pack(&mut self, packing: Packing) -> Result<bool, Error> {
        #[cfg(feature = "cpu")]
        if self.engine.is_none() && device_name(self.parameters.device()) == "cpu" {
            let Some(level) = crate::engine::operation::level()? else {
                return Ok(false);
            };
            let (parameters, config) = (&mut self.parameters, &self.config);
            let parts = self.layers.parts().into_iter();
            self.engine = Some(Engine::new(parameters, config, parts, packing, level)?);
            self.quantization = packing.quantization.or(self.quantization);
            return Ok(true);
        }
        Ok(false)
    }

    /// How the model is packed, if it is.
    pub fn packing(&self) -> Option<Packing> {
        #[cfg(feature = "cpu")]
        if let Some(engine) = &self.engine {
            return Some(engine.packing());
        }
        None
    }

    /// What computes: the device's name and, where the model is packed, the kernels' instruction
    /// set. Two that are named alike give the same bits.
    pub fn computed_by(&self) -> String {
        let device = device_name(self.parameters.device());
        #[cfg(feature = "cpu")]
        if let Some(engine) = &self.engine {
            return format!("{device} {}", engine.level());
        }
        device
    }

    /// Every tensor of the checkpoint is one of the model, or known to be of no use to it.
    fn refuse_unknown(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        for name in checkpoint.names() {
            if !self.parameters.contains(name) && !is_unused(name) {
                let family = self.config.family.name();
                let problem = format!("is not part of a {family} model of this config.json");
                return Err(checkpoint.fault(name, problem));
            }
        }
        Ok(())
    }

    /// The model's shape.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Every linear layer that an adapter may target, in the model's order.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The number of parameters, as `transformers` counts those of the bare model with what
    /// the folder holds (with the pooler, if it has one).
    pub fn parameter_count(&self) -> usize {
        self.parameters.count()
    }

    /// The model's tensors.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The model's tensors, to replace or to train.
    pub fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// Names and shapes of all tensors, as Hugging Face has them.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.parameters.tensors()
    }

    /// [`Parameters::values`].
    ///
    /// # Errors
    /// As there.
    pub fn tensor(&self, name: &str) -> Result<Vec<f32>, Error> {
        self.parameters.values(name)
    }

    /// [`Parameters::set`].
    ///
    /// # Errors
    /// As there.
    pub fn set_tensor(&mut self, name: &str, values: Vec<f32>) -> Result<(), Error> {
        self.parameters.set(name, values)
    }

    /// [`Parameters::require_grad`].
    ///
    /// # Errors
    /// As there.
    pub fn require_grad<S: AsRef<str>>(&mut self, names: &[S]) -> Result<(), Error> {
        self.parameters.require_grad(names)
    }

    /// [`Parameters::freeze`].
    pub fn freeze(&mut self) {
        self.parameters.freeze();
    }

    /// [`Parameters::gradient`].
    ///
    /// # Errors
    /// As there.
    pub fn gradient(&self, name: &str, gradients: &Gradients) -> Result<Option<Vec<f32>>, Error> {
        self.parameters.gradient(name, gradients)
    }

    /// Sets the position embeddings to sinusoids of standard deviation `standard_deviation`:
    /// a small model learns relative offsets sooner from them than from noise. A model without them stays as it is.
    ///
    /// # Errors
    /// None for a model that was built by this crate.
    pub fn set_sinusoidal_positions(&mut self, standard_deviation: f64) -> Result<(), Error> {
        let Some(id) = self.layers.position_embedding() else {
            return Ok(());
        };
        let [rows, width] = self.parameters.matrix(id, false).dims();
        let name = self.parameters.name(id).to_owned();
        let values = sinusoidal_positions(rows, width, standard_deviation);
        self.parameters.set(&name, values)
    }

    /// Adds rows behind the word embedding, row-major, so that ids from the old `vocab_size`
    /// up become the model's own.
    ///
    /// # Errors
    /// [`Error::WrongLength`] if `rows` is not a whole number of rows.
    pub fn append_rows(&mut self, rows: &[f32]) -> Result<(), Error> {
        let id = self.word_embedding();
        self.config.vocab_size = self.parameters.append_rows(id, rows)?;
        Ok(())
    }

    pub(crate) fn word_embedding(&self) -> Id {
        self.layers.word_embedding()
    }

    /// The forward pass. `batch` must have passed [`Batch::check`].
    ///
    /// If nothing in it asks for a gradient (no trainable parameter, no tracked delta or row),
    /// it runs without autodiff, and faster; the output is on the model's device either way.
    pub fn forward(&self, batch: &Batch, adaptation: Adaptation) -> Hidden {
        let (extra, from) = (adaptation.extra_rows, adaptation.from);
        // Its lifetimes, shortened to this call's.
        let adaptation = Adaptation {
            dropout: match adaptation.dropout {
                Some(source) => Some(source),
                None => None,
            },
            from: None,
            ..adaptation
        };
        let mut pass = self.pass(batch, adaptation);
        let (first, x) = match from {
            Some((block, states)) => (block, on(states, pass.autodiff)),
            None => (0, self.layers.embedded(batch, extra, &mut pass)),
        };
        let blocks = first..self.config.layers;
        let x = self.layers.through(blocks, x, batch, &mut pass);
        let states = self.layers.output(x, &mut pass);
        let width = states.dims()[1];
        let states = states.reshape([batch.batch, batch.length, width]);
        let first = states.clone().narrow(1, 0, 1);
        let first = first.reshape([batch.batch, width]);
        let pooled = self.layers.pool(first, &mut pass);
        let autodiff = self.parameters.device().is_autodiff();
        Hidden {
            states: on(states, autodiff),
            pooled: pooled.map(|pooled| on(pooled, autodiff)),
        }
    }

    /// The states of the model as it was loaded before block `block` (behind the last one, where
    /// `block` is their number), without dropout, `[batch * length, hidden]`: what
    /// [`Adaptation::from`] takes. Those at padding have no meaning. `batch` must have passed
    /// [`Batch::check`].
    ///
    /// Where the model is packed, the states of a sequence are the same bits in every batch.
    pub fn states_before(&self, block: usize, batch: &Batch) -> Tensor<2> {
        let mut pass = self.pass(batch, Adaptation::none());
        let x = self.layers.embedded(batch, None, &mut pass);
        self.layers.through(0..block, x, batch, &mut pass)
    }

    /// The states of one sequence before each block, and last those that are put out, each `[length, width]`, row-major:
    /// what `transformers` calls `hidden_states`.
    ///
    /// # Errors
    /// [`Error::Batch`] for ids or a length that the model cannot take; [`Error::Device`].
    pub fn states_of_layers(&self, ids: &[u32]) -> Result<Vec<Vec<f32>>, Error> {
        let batch = Batch {
            ids: ids.to_vec(),
            lengths: vec![u32::try_from(ids.len()).unwrap_or(u32::MAX)],
            batch: 1,
            length: ids.len(),
        };
        batch.check(&self.config, 0)?;
        let mut pass = self.pass(&batch, Adaptation::none());
        let mut x = self.layers.embedded(&batch, None, &mut pass);
        let mut all = Vec::with_capacity(self.config.layers + 1);
        for block in 0..self.config.layers {
            all.push(self.on_host(&x)?);
            x = self.layers.through(block..block + 1, x, &batch, &mut pass);
        }
        let put_out = self.layers.output(x, &mut pass);
        all.push(self.on_host(&put_out)?);
        Ok(all)
    }

    fn on_host(&self, states: &Tensor<2>) -> Result<Vec<f32>, Error> {
        let fail = |problem: String| Error::Device {
            device: format!("{:?}", self.parameters.device()),
            problem,
        };
        let data = states.clone().try_into_data_as::<f32>();
        let data = data.map_err(|error| fail(error.to_string()))?;
        let values = data.as_slice::<f32>();
        Ok(values.map_err(|error| fail(error.to_string()))?.to_vec())
    }

    fn pass<'a>(&'a self, batch: &Batch, adaptation: Adaptation<'a>) -> Pass<'a> {
        #[cfg_attr(not(feature = "cpu"), allow(unused_mut))]
        let mut pass = Pass::new(&self.parameters, &self.config, batch, adaptation);
        #[cfg(feature = "cpu")]
        {
            pass.packed = self
                .engine
                .as_ref()
                .map(|engine| engine as &dyn PackedBlocks);
        }
        pass
    }
}

/// Tensors that checkpoints carry and the bare model does not use: buffers, and heads of
/// pretraining and of tasks.
pub fn is_unused(name: &str) -> bool {
    const ENDS: [&str; 6] = [
        "rotary_embeddings.inv_freq",
        "rotary_emb.inv_freq",
        // Masks.
        ".attn.bias",
        ".attn.masked_bias",
        ".attention.bias",
        ".attention.masked_bias",
    ];
    const BEGINNINGS: [&str; 10] = [
        "cls.",
        "classifier.",
        "score.",
        "lm_head.",
        "head.",
        "embed_out.",
        "contact_head.",
        "pre_classifier.",
        "qa_outputs.",
        "vocab_",
    ];
    name == "embeddings.position_ids"
        || name == "decoder.bias"
        || name == "decoder.weight"
        || ENDS.iter().any(|end| name.ends_with(end))
        || BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

/// A checkpoint as a source: its shapes must be the model's.
pub(crate) struct CheckpointSource<'a>(pub &'a Checkpoint);

/// A checkpoint whose tensors are read when they are asked for.
struct LaterSource(Arc<Checkpoint>);

impl Source for LaterSource {
    fn values(&mut self, name: &str, shape: &[usize], _: Kind) -> Result<Vec<f32>, Error> {
        self.0.read(name, shape)
    }

    fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    fn later(&self, name: &str, shape: &[usize]) -> Result<Option<Arc<Checkpoint>>, Error> {
        self.0.check(name, shape)?;
        Ok(Some(self.0.clone()))
    }
}

impl Source for CheckpointSource<'_> {
    fn values(&mut self, name: &str, shape: &[usize], _: Kind) -> Result<Vec<f32>, Error> {
        self.0.read(name, shape)
    }

    fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }
}
