//! What a run would refuse after hours, found in seconds: nothing is written, and at most the head of a file is read.

use std::collections::BTreeSet;
use std::path::Path;

use lingo_adapt::ModelShape;
use lingo_artifact::model_folder::ModelFolder;
use lingo_tokenize::{Encoder, ModelVocabulary, Scheme};

use super::planned::Plan;
use crate::failure::{Error, Kind};
use crate::pipeline::resolved::{ModelPlan, Task};
use crate::yaml::fault::{Step, display, keys};

impl Plan {
    /// Everything that the heads of the input files and the model's folder show to be wrong: chromosomes that the genome
    /// lacks, a label column beyond the last, adapter targets that match no module, a `max_length` without room for DNA. Adapter targets are passed over where the weights are yet to be fetched.
    /// Tasks whose files are missing are passed over.
    ///
    /// # Errors
    /// All of it, each with the task or the method that it is about.
    pub fn preflight(&self) -> Result<(), Error> {
        let mut failures = Vec::new();
        for task in self.whole_tasks() {
            let during = format!("task {}", task.section);
            let mistakes = lingo_ingest::preflight(&task.ingest).into_iter();
            failures.extend(mistakes.map(|e| Error::from(e).during(&during)));
            failures.extend(self.encoder_of(task).err().map(|e| e.during(&during)));
        }
        failures.extend(self.targets());
        failures.extend(self.mask().err());
        // Folds of one task make the same mistakes.
        let mut told = BTreeSet::new();
        failures.retain(|failure| told.insert(failure.to_string()));
        if failures.is_empty() {
            Ok(())
        } else {
            Err(Error::all_of(failures))
        }
    }

    fn whole_tasks(&self) -> impl Iterator<Item = &Task> {
        let whole = self.tasks.iter().filter(|task| task.missing.is_empty());
        whole.filter_map(|planned| self.pipeline.task(&planned.name))
    }

    /// The folder of a model that is not made by the run, where it holds one.
    fn model_that_is_there(&self) -> Option<&Path> {
        let folder = match &self.pipeline.model {
            ModelPlan::Folder(folder) => folder,
            ModelPlan::Hub { .. } => &self.model.folder,
            ModelPlan::Pretrain { .. } => return None,
        };
        ModelFolder::new(folder).is_there().then_some(folder)
    }

    /// Whether sequences can be encoded for the model. A tokenizer that is yet to be learnt, or the model, must be there.
    fn encoder_of(&self, task: &Task) -> Result<(), Error> {
        let Some(folder) = self.model_that_is_there() else {
            return Ok(());
        };
        if matches!(task.tokenize.scheme, Scheme::Bpe(_)) {
            return Ok(());
        }
        let model = ModelVocabulary::load(folder)?;
        Encoder::new(&model, &task.tokenize, &task.keys, None)?;
        Ok(())
    }

    /// Whether DNA without labels can be asked of the model, where it is to be learnt from.
    fn mask(&self) -> Result<(), Error> {
        let masked = self.pipeline.adapt_first.as_ref();
        let masked = masked.filter(|first| first.masked.is_some());
        let folder = self.model_that_is_there();
        let (Some(_), Some(folder)) = (masked, folder.filter(|_| self.model.left.is_empty()))
        else {
            return Ok(());
        };
        let reads_left_only = ModelShape::read(folder)?.reads_left_only();
        match reads_left_only || ModelVocabulary::load(folder)?.mask.is_some() {
            true => Ok(()),
            false => Err(Error::stage(Kind::Usage, lingo_adapt::adapt_first::NO_MASK)),
        }
    }

    /// Methods that target what the model has not.
    fn targets(&self) -> Vec<Error> {
        // The modules stand in the head of the weights: before these are fetched nothing is known of them.
        let folder = self.model_that_is_there();
        let shape = match folder.filter(|_| self.model.left.is_empty()) {
            Some(folder) => match ModelShape::read(folder) {
                Ok(shape) => Some(shape),
                Err(e) => return vec![e.into()],
            },
            None => None,
        };
        let methods = self.methods.iter();
        let named = methods
            .filter_map(|name| Some((keys(&["methods", name]), self.pipeline.method(name)?)));
        let first = self.pipeline.adapt_first.as_ref();
        let first = first.map(|first| (keys(&["adapt_first", "method"]), &first.method));
        let checked = named.chain(first).filter_map(|(mut key, method)| {
            let result = match (&self.pipeline.model, &shape) {
                (ModelPlan::Pretrain { config, .. }, _) => {
                    lingo_adapt::check_targets_of_pretrained(config, method)
                }
                (_, Some(shape)) => lingo_adapt::check_targets(shape, method),
                (_, None) => Ok(()),
            };
            let error = Error::from(result.err()?);
            key.push(Step::Key(method.name().into()));
            let place = self.pipeline.document.place(&key);
            Some(error.during(&format!("{place}: {}", display(&key))))
        });
        checked.collect()
    }
}
