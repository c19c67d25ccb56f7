//! The head in a file: one layer, or three as `torch.nn.Sequential(Linear, ReLU, Linear)` names them.

use crate::folder::trained::{TrainedHead, TrainedHidden};
use crate::settings::train_config::Pooling;
use crate::tensor_file::{TensorFile, transposed};

/// A head with a hidden layer is named as `torch.nn.Sequential(Linear, ReLU, Linear)` names its layers.
const HIDDEN: &str = "0";
const LAST: &str = "2";

/// What is known of a head before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadShape {
    pub pooling: Pooling,
    pub outputs: usize,
    /// Whether one of a single layer has a bias.
    pub has_bias: bool,
}

/// Adds a head to a file under a name.
pub(super) fn add_head(file: &mut TensorFile, head: &str, h: &TrainedHead) {
    if let Some(hidden) = &h.hidden {
        let name = format!("{head}.{HIDDEN}");
        let weight = transposed(&hidden.weight, h.width, hidden.size);
        file.add(format!("{name}.weight"), &[hidden.size, h.width], weight);
        file.add(format!("{name}.bias"), &[hidden.size], hidden.bias.clone());
    }
    let name = last_layer(head, h.hidden.is_some());
    let read = h.last_width();
    let weight = transposed(&h.weight, read, h.outputs);
    file.add(format!("{name}.weight"), &[h.outputs, read], weight);
    if let Some(bias) = &h.bias {
        file.add(format!("{name}.bias"), &[h.outputs], bias.clone());
    }
}

/// Takes what [`add_head`] added out of a file.
///
/// # Errors
/// The problem: a tensor that is missing, or of another shape.
pub(super) fn take_head(
    file: &mut TensorFile,
    head: &str,
    shape: HeadShape,
) -> Result<TrainedHead, String> {
    let hidden = take_hidden(file, head)?;
    let last = last_layer(head, hidden.is_some());
    let (sizes, weight) = file.take(&format!("{last}.weight"))?;
    let [outputs, read] = sizes[..] else {
        return Err(format!("the head has shape {sizes:?}"));
    };
    let width = match &hidden {
        None => read,
        Some((_, hidden)) if hidden.size != read => {
            return Err(format!(
                "the head's last layer reads {read} values, its hidden layer has {}",
                hidden.size
            ));
        }
        Some((width, _)) => *width,
    };
    if outputs != shape.outputs {
        return Err(format!(
            "the head has {outputs} outputs, lingo.json names {} classes",
            shape.outputs
        ));
    }
    let bias = match hidden.is_some() || shape.has_bias {
        true => Some(file.take(&format!("{last}.bias"))?.1),
        false => None,
    };
    Ok(TrainedHead {
        pooling: shape.pooling,
        width,
        outputs,
        hidden: hidden.map(|(_, hidden)| hidden),
        weight: transposed(&weight, outputs, read),
        bias,
    })
}

/// The name of the head's last layer.
fn last_layer(head: &str, has_hidden: bool) -> String {
    match has_hidden {
        true => format!("{head}.{LAST}"),
        false => head.to_owned(),
    }
}

/// The head's hidden layer with the number of values that it reads, where the file has one.
fn take_hidden(
    file: &mut TensorFile,
    head: &str,
) -> Result<Option<(usize, TrainedHidden)>, String> {
    let name = format!("{head}.{HIDDEN}");
    let Ok((shape, weight)) = file.take(&format!("{name}.weight")) else {
        return Ok(None);
    };
    let (_, bias) = file.take(&format!("{name}.bias"))?;
    let [size, width] = shape[..] else {
        return Err(format!("the head's hidden layer has shape {shape:?}"));
    };
    if bias.len() != size {
        return Err(format!(
            "the head's hidden layer has {size} values and a bias of {}",
            bias.len()
        ));
    }
    let weight = transposed(&weight, size, width);
    Ok(Some((width, TrainedHidden { size, weight, bias })))
}
