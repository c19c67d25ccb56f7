//! Rotary positions as a `config.json` tells of them: in keys of their own (`rope_theta`, `rope_scaling`), or in one object
//! (`rope_parameters`), as `transformers` writes them since its version 5.

use serde_json::{Value, json};

use crate::config::keys::Keys;
use crate::config::positions::{Rotary, RotaryScaling};
use crate::error::Error;

/// What [`read`] takes where a `config.json` says nothing.
pub(super) struct Defaults<'a> {
    /// The key of the base, outside `rope_parameters`.
    pub base_key: &'a str,
    pub base: f64,
    /// The key of the share of a head that is rotated.
    pub share_key: &'a str,
    pub share: f64,
}

/// A rotary embedding of heads of this size.
///
/// # Errors
/// A kind of scaling that is unknown here; a number that is none.
pub(super) fn read(
    keys: &Keys,
    head_size: usize,
    max_positions: usize,
    defaults: &Defaults,
) -> Result<Rotary, Error> {
    let empty = || keys.empty("rope_parameters");
    let parameters = match keys.object("rope_scaling")? {
        Some(scaling) => scaling,
        None => keys.object("rope_parameters")?.unwrap_or_else(empty),
    };
    // What stands in the object is meant, where something stands in both places.
    let base = keys.number_or(defaults.base_key, defaults.base)?;
    let share = keys.number_or(defaults.share_key, defaults.share)?;
    let rotary = of(&parameters, base, share, head_size, max_positions)?;
    Ok(rotary)
}

/// One that stands in an object; `base` and `share` are for what it does not say.
pub(super) fn of(
    keys: &Keys,
    base: f64,
    share: f64,
    head_size: usize,
    max_positions: usize,
) -> Result<Rotary, Error> {
    let base = keys.number_or("rope_theta", base)?;
    if base <= 0.0 {
        return Err(keys.bad("rope_theta", format!("is {base}, not above 0")));
    }
    let share = keys.number_or("partial_rotary_factor", share)?;
    let size = (head_size as f64 * share) as usize;
    if size > head_size || !size.is_multiple_of(2) {
        return Err(keys.bad(
            "partial_rotary_factor",
            format!(
                "is {share}: {size} of the {head_size} values of a head cannot be rotated in pairs"
            ),
        ));
    }
    let kind = match keys.has("rope_type") {
        true => keys.text("rope_type")?,
        false => keys.text_or("type", "default")?,
    };
    let positive = |key: &str| {
        let number = keys.number(key)?;
        match number > 0.0 {
            true => Ok(number),
            false => Err(keys.bad(key, format!("is {number}, not above 0"))),
        }
    };
    let scaling = match kind {
        "default" => RotaryScaling::None,
        "linear" => RotaryScaling::Linear {
            factor: positive("factor")?,
        },
        "llama3" => {
            let (low, high) = (positive("low_freq_factor")?, positive("high_freq_factor")?);
            if low >= high {
                let problem = format!("is {high}, not above low_freq_factor, {low}");
                return Err(keys.bad("high_freq_factor", problem));
            }
            RotaryScaling::Llama3 {
                factor: positive("factor")?,
                low,
                high,
                original: match keys.has("original_max_position_embeddings") {
                    true => positive("original_max_position_embeddings")?,
                    false => max_positions as f64,
                },
            }
        }
        other => {
            return Err(keys.bad(
                "rope_type",
                format!("is `{other}`; known are default, linear and llama3"),
            ));
        }
    };
    Ok(Rotary {
        base,
        size,
        scaling,
    })
}

/// `rope_parameters` for [`read`] and for `transformers`.
pub(super) fn write(rotary: &Rotary, head_size: usize) -> Value {
    let mut all = json!({ "rope_theta": rotary.base });
    if rotary.size != head_size {
        all["partial_rotary_factor"] = json!(rotary.size as f64 / head_size as f64);
    }
    match rotary.scaling {
        RotaryScaling::None => all["rope_type"] = json!("default"),
        RotaryScaling::Linear { factor } => {
            all["rope_type"] = json!("linear");
            all["factor"] = json!(factor);
        }
        RotaryScaling::Llama3 {
            factor,
            low,
            high,
            original,
        } => {
            all["rope_type"] = json!("llama3");
            all["factor"] = json!(factor);
            all["low_freq_factor"] = json!(low);
            all["high_freq_factor"] = json!(high);
            all["original_max_position_embeddings"] = json!(original as u64);
        }
    }
    all
}
