//! A kernel machine on words as tensors: the bases of its rows, what each weighs, and the means that are taken off.

use crate::network::kernel::{Features, WordMachine};
use crate::settings::word_kernel::WordKernel;
use crate::tensor_file::TensorFile;

/// `[rows, sequences of a row, longest / BASES rounded up]`.
const SEQUENCES: &str = "kernel.sequences";
/// `[rows, heads]`, in the units of logits.
const ALPHA: &str = "kernel.alpha";
/// `[short words]`: length by length, sequence by sequence.
const MEANS: &str = "kernel.means";
/// Bases in a value: the digits of a number to base 5, the first the lowest. 5^10 is below 2^24, so `f32` holds it.
const BASES: usize = 10;
/// The digits: A, C, G, T, and what is none of them or behind the end, in which no word is counted.
const LETTERS: [u8; 5] = *b"ACGTN";

/// Adds the tensors of a machine's mean.
pub(super) fn add_kernel(file: &mut TensorFile, machine: &WordMachine) {
    let rows = machine.bases();
    let longest = rows.iter().flatten().map(Vec::len).max().unwrap_or(0);
    let values = longest.div_ceil(BASES);
    let features = machine.landmarks().features();
    let mut packed = Vec::with_capacity(rows.len() * features.sequences() * values);
    for bases in rows.iter().flatten() {
        let digit = |place: usize| {
            let base = bases.get(place).copied().unwrap_or(b'N');
            let digit = LETTERS.iter().position(|letter| *letter == base);
            digit.unwrap_or(4) as u32
        };
        packed.extend((0..values).map(|value| {
            let places = (value * BASES..(value + 1) * BASES).rev();
            places.fold(0, |number, place| number * 5 + digit(place)) as f32
        }));
    }
    let shape = [rows.len(), features.sequences(), values];
    file.add(SEQUENCES, &shape, packed);
    file.add(ALPHA, &[rows.len(), machine.heads()], machine.alphas());
    let means = features.means().to_vec();
    file.add(MEANS, &[means.len()], means);
}

/// Takes what [`add_kernel`] added, for rows of so many sequences; `outputs` are heads and outputs.
///
/// # Errors
/// What is missing or does not fit.
pub(super) fn take_kernel(
    file: &mut TensorFile,
    settings: WordKernel,
    sequences: usize,
    outputs: [usize; 2],
) -> Result<WordMachine, String> {
    let (shape, packed) = file.take(SEQUENCES)?;
    let (of_alphas, alphas) = file.take(ALPHA)?;
    let (of_means, means) = file.take(MEANS)?;
    let fits = match (&shape[..], &of_alphas[..]) {
        ([rows, found, _], [other, heads]) => {
            rows == other && *found == sequences && *heads == outputs[0]
        }
        _ => false,
    };
    if !fits {
        return Err(format!(
            "`{SEQUENCES}` is {shape:?} and `{ALPHA}` {of_alphas:?}, for {sequences} sequences a row and {} heads",
            outputs[0]
        ));
    }
    let values = shape[2];
    let bases = |packed: &[f32]| -> Vec<u8> {
        let digits = packed.iter().flat_map(|value| {
            let number = *value as u32;
            (0..BASES as u32).map(move |place| number / 5u32.pow(place) % 5)
        });
        digits.map(|digit| LETTERS[digit as usize]).collect()
    };
    let rows = (0..shape[0]).map(|row| {
        let of_row = &packed[row * sequences * values..(row + 1) * sequences * values];
        let one = |sequence: usize| bases(&of_row[sequence * values..(sequence + 1) * values]);
        (0..sequences).map(one).collect()
    });
    let rows: Vec<Vec<Vec<u8>>> = rows.collect();
    let features = Features::new(settings.both_strands, sequences).with_means(means);
    let features = features.ok_or_else(|| {
        format!("`{MEANS}` is {of_means:?}, not of the short words of {sequences} sequences")
    })?;
    WordMachine::of_mean(features, rows, outputs, &alphas)
        .ok_or_else(|| format!("`{ALPHA}` is {of_alphas:?}, not a weight of each row"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::kernel::{Compared, Landmarks};
    use crate::reading::Beside;

    #[test]
    fn a_machine_reads_back_and_answers_with_the_same_bits() {
        let rows: Vec<Vec<Vec<u8>>> = ["ACGTTGCATGACTCAGGTACCA", "TTTNTACGAACGT", "GATTACAG"]
            .map(|text| vec![text.as_bytes().to_vec(), b"GGGTACCCTATTA".to_vec()])
            .to_vec();
        let features = Features::new(true, 2).centred(&rows);
        let compared: Vec<Compared> = rows.iter().map(|row| features.of(row)).collect();
        let landmarks = Landmarks::new(features, &compared);
        let width = landmarks.width();
        let mut alphas = vec![0.0; 3 * width];
        for head in 0..3 {
            for row in 0..3 {
                alphas[head * width + row] = (head * 3 + row) as f32 * 0.3 - 1.0;
            }
        }
        let machine = WordMachine::new(landmarks, rows.clone(), [3, 3], vec![alphas], Vec::new());
        let mut file = TensorFile::for_peft();
        add_kernel(&mut file, &machine);
        assert_eq!(file.tensors[SEQUENCES].0, [3, 2, 3]);
        assert_eq!(file.tensors[ALPHA].0, [3, 3]);
        let settings = WordKernel::default();
        let wrong = take_kernel(&mut file.clone(), settings, 1, [3, 3]);
        assert!(wrong.is_err_and(|why| why.contains("sequences a row")));
        let again = take_kernel(&mut file, settings, 2, [3, 3]).unwrap();
        assert!(file.tensors.is_empty());
        for row in &rows {
            let logits = again.logits(0, row).unwrap();
            assert_eq!(logits, machine.logits(0, row).unwrap());
        }
    }
}
