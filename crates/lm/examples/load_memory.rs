//! Loads a model folder for the kernels, whole or block by block, and prints the most memory that the process had.
//!
//! ```sh
//! python benches/large_checkpoint.py FOLDER
//! cargo run --example load_memory -p lingo-lm -- FOLDER blocks bf16
//! cargo run --example load_memory -p lingo-lm -- FOLDER whole bf16
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program to measure with"
)]

use std::path::Path;
use std::time::Instant;

use lingo_lm::{DeviceChoice, Model, Packing, Precision, open_device};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, how, precision] = &arguments[..] else {
        panic!("load_memory FOLDER whole|blocks f32|bf16|int8|nf4");
    };
    let packing = Packing {
        precision: match precision.as_str() {
            "bf16" => Precision::Bf16,
            _ => Precision::F32,
        },
        quantization: precision.parse().ok(),
        gradients: false,
    };
    let device = open_device(DeviceChoice::Cpu).unwrap();
    let begin = Instant::now();
    let model = match how.as_str() {
        "blocks" => Model::load_packed(Path::new(folder), &device, packing).unwrap(),
        _ => {
            let mut model = Model::load(Path::new(folder), &device).unwrap();
            model.pack(packing).unwrap();
            model
        }
    };
    let seconds = begin.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    };
    println!(
        "{how} {precision}: {} parameters, {seconds:.1} s, peak {:.0} MiB, then {:.0} MiB",
        model.parameter_count(),
        of("VmHWM"),
        of("VmRSS")
    );
}
