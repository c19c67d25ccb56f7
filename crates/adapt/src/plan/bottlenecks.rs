//! Which blocks of a model have bottlenecks, and how wide these are.

use crate::error::Error;
use crate::method::adaptation::BottleneckSettings;
use crate::plan::targets::check_layers;

/// The bottlenecks of a model before they are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BottleneckPlan {
    /// The blocks that have them, counted from 0.
    pub blocks: Vec<usize>,
    /// How many each of these has.
    pub each: usize,
    /// Width of the model's states.
    pub hidden: usize,
    /// Values between the two layers.
    pub size: usize,
}

impl BottleneckPlan {
    /// Those of a model with so many blocks whose states have so many values.
    ///
    /// # Errors
    /// [`Error::Config`]: a block that the model does not have, a factor that leaves no value.
    pub fn of(settings: &BottleneckSettings, blocks: usize, hidden: usize) -> Result<Self, Error> {
        check_layers(settings.layers, blocks)?;
        let size = (hidden as f64 / settings.reduction_factor).floor() as usize;
        if size == 0 {
            return Err(Error::Config(format!(
                "reduction_factor {}: the model's states have {hidden} values, so that nothing is left of them; \
                 use at most {hidden} (16 leaves {})",
                settings.reduction_factor,
                (hidden / 16).max(1)
            )));
        }
        if size > hidden * WIDEST {
            return Err(Error::Config(format!(
                "reduction_factor {}: the model's states have {hidden} values, and a bottleneck would have {size}; \
                 use at least {} (16 leaves {})",
                settings.reduction_factor,
                1.0 / WIDEST as f64,
                (hidden / 16).max(1)
            )));
        }
        let is_chosen = |block: &usize| settings.layers.is_none_or(|l| l.contains(*block));
        Ok(Self {
            blocks: (0..blocks).filter(is_chosen).collect(),
            each: settings.sublayers().len(),
            hidden,
            size,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.blocks.len() * self.each
    }

    /// Values of all of them.
    pub fn parameters(&self) -> usize {
        self.count() * (2 * self.hidden * self.size + self.size + self.hidden)
    }
}

/// A bottleneck that is wider than so many times the states is a mistake: it would take more memory than the model.
const WIDEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::methods::Method;

    fn plan(text: &str) -> Result<BottleneckPlan, String> {
        let method: Method = serde_json::from_str(&format!(r#"{{"bottleneck": {text}}}"#)).unwrap();
        let settings = method.adaptation().bottlenecks().unwrap();
        BottleneckPlan::of(&settings, 12, 384).map_err(|error| error.to_string())
    }

    #[test]
    fn widths_are_rounded_down_and_blocks_chosen() {
        let t = |text: &str, size: usize, count: usize| {
            let plan = plan(text).unwrap();
            assert_eq!((plan.size, plan.count()), (size, count), "{text}");
        };
        t("{}", 24, 12);
        t(r#"{"placement": "houlsby"}"#, 24, 24);
        t(r#"{"placement": "parallel"}"#, 192, 12);
        t(r#"{"reduction_factor": 50, "layers": "10-11"}"#, 7, 2);
        t(r#"{"reduction_factor": 384}"#, 1, 12);
        t(r#"{"reduction_factor": 0.5}"#, 768, 12);
    }

    #[test]
    fn a_factor_that_leaves_nothing_is_told_with_what_there_is() {
        let t = |text: &str, parts: &[&str]| {
            let message = plan(text).unwrap_err();
            for part in parts {
                assert!(message.contains(part), "{message}");
            }
        };
        t(
            r#"{"reduction_factor": 500}"#,
            &["reduction_factor 500", "384 values", "at most 384"],
        );
        t(r#"{"reduction_factor": 1e-9}"#, &["at least 0.125"]);
        t(r#"{"layers": "11-12"}"#, &["has 12 blocks, 0 to 11"]);
    }
}
