//! What an adapter is: as its lingo.json says, or, where PEFT wrote it, as its files and its base model say.

use std::collections::BTreeMap;
use std::path::Path;

use lingo_adapt::{Description, PeftFacts};
use lingo_tokenize::{Encoder, ModelVocabulary, Scheme, TokenizeConfig};
use lingo_workflow::{Error, Kind};

/// The description of an adapter; that of one without lingo.json is made of `model` and `classes`, and DNA becomes tokens
/// as text, by the model's own tokenizer.
///
/// # Errors
/// A folder that is no adapter; without lingo.json one that lacks something which nothing else says; with it names of
/// classes, which it has.
pub(crate) fn described(
    adapter: &Path,
    model: Option<&Path>,
    classes: &[String],
) -> Result<Description, Error> {
    let usage = |message: String| Error::stage(Kind::Usage, message);
    if !Description::is_left_to_peft(adapter) {
        let description = Description::read(adapter)?;
        return match classes {
            [] => Ok(description),
            names => Err(usage(format!(
                "--classes {}: lingo.json in {} names the classes ({}); leave --classes out",
                names.join(","),
                adapter.display(),
                description.labels
            ))),
        };
    }
    let Some(model) = model else {
        let named = Description::model_named_by_peft(adapter)?;
        let named = named.map_or_else(String::new, |name| format!(", which it calls `{name}`"));
        return Err(usage(format!(
            "--adapter {}: it has no lingo.json (PEFT wrote it, not lingo-pipe); name the folder of its base model{named}, \
             with --model, and its classes with --classes",
            adapter.display()
        )));
    };
    let vocabulary = ModelVocabulary::load(model)?;
    let config = TokenizeConfig::new(Scheme::Model);
    let encoder = Encoder::new(&vocabulary, &config, &BTreeMap::new(), None)?;
    let facts = PeftFacts {
        model,
        encoding: encoder.encoding().clone(),
        classes,
    };
    Ok(Description::of_peft(adapter, facts)?)
}
