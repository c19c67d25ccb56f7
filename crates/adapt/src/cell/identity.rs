//! Which run a checkpoint belongs to.

use lingo_artifact::digest::Digest;

use crate::cell::request::AdaptRequest;
use crate::error::Error;

/// A hash of all that shapes the run.
pub(super) fn identity(request: &AdaptRequest, model: &Digest) -> Result<String, Error> {
    let mut ids = Vec::new();
    for row in &request.tokens.rows {
        ids.extend_from_slice(row.split.as_str().as_bytes());
        ids.extend(row.input_ids.iter().flat_map(|id| id.to_le_bytes()));
        ids.extend_from_slice(format!("{:?}", row.label).as_bytes());
    }
    if let Some(masking) = request.masking {
        ids.extend_from_slice(masking.described().as_bytes());
    }
    // What is trained on beside the tokens; a tokenizer may have cut some of it off.
    for row in request
        .readings
        .map_or(0..0, |_| 0..request.tokens.rows.len())
    {
        let bases = request
            .readings
            .map(|readings| readings.bases(row))
            .transpose();
        for sequence in bases
            .map_err(|e| Error::Data(e.to_string()))?
            .into_iter()
            .flatten()
        {
            ids.extend_from_slice(&sequence);
            ids.push(0);
        }
    }
    let text = serde_json::to_string(&(
        request.method,
        request.train,
        request.seed,
        request.both_strands,
        &request.tokens.metadata,
        model,
        Digest::of_bytes(&ids),
        env!("CARGO_PKG_VERSION"),
    ))
    .map_err(|e| Error::Data(e.to_string()))?;
    Ok(Digest::of_bytes(text.as_bytes()).to_string())
}
