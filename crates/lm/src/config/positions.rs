//! How a token's place enters the model.

/// How a token's place enters attention. Rows of a position embedding are added before the first block, and are no matter of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Positions {
    /// Not at all.
    Embedded,
    /// Queries and keys are rotated by it (Su et al. 2021), in halves.
    Rotary {
        /// The base of the wavelengths.
        base: f64,
    },
    /// A score falls with the distance (Press, Smith and Lewis 2022), in each head by another slope.
    Alibi,
}

/// ALiBi's slopes: a geometric series for a power of two of heads, filled up from the one of twice as many for any other number.
pub(crate) fn alibi_slopes(heads: usize) -> Vec<f32> {
    let series = |n: usize| {
        let ratio = 2f64.powf(-8.0 / n as f64);
        (1..=n as i32).map(move |i| ratio.powi(i) as f32)
    };
    let power = match heads.is_power_of_two() {
        true => heads,
        false => heads.next_power_of_two() / 2,
    };
    let more = series(2 * power).step_by(2).take(heads - power);
    series(power).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the code that was published with the paper.
    #[test]
    fn slopes_are_those_of_the_paper() {
        assert_eq!(alibi_slopes(4), [0.25, 0.0625, 0.015625, 0.00390625]);
        let slopes = alibi_slopes(12);
        let published = [
            0.5,
            0.25,
            0.125,
            0.0625,
            0.03125,
            0.015625,
            0.0078125,
            0.00390625,
            0.707_106_77,
            0.353_553_38,
            0.176_776_69,
            0.088_388_346,
        ];
        assert_eq!(slopes.len(), published.len());
        for (slope, published) in slopes.iter().zip(published) {
            assert!((slope - published).abs() < 1e-7, "{slope} {published}");
        }
    }
}
