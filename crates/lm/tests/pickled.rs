//! `pytorch_model.bin` becomes safetensors; what is more than tensors is refused, and nothing of it is run. The files come from
//! tests/oracles/lm.py.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;

use lingo_lm::{Error, import};
use safetensors::SafeTensors;
use support::fixture;

fn imported(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pytorch_model.bin"), bytes).unwrap();
    let imported = import(folder.path(), folder.path());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    match imported {
        Ok(imported) => {
            assert_eq!(left.len(), 2);
            Ok(fs::read(imported.weights).unwrap())
        }
        Err(error) => {
            assert_eq!(left.len(), 1, "nothing is left of a failure");
            Err(error)
        }
    }
}

fn assert_same(got: &[u8], expected: &[u8]) {
    let (got, expected) = (
        SafeTensors::deserialize(got).unwrap(),
        SafeTensors::deserialize(expected).unwrap(),
    );
    let mut names = [got.names(), expected.names()];
    names.iter_mut().for_each(|names| names.sort());
    assert_eq!(names[0], names[1]);
    for name in got.names() {
        let (a, b) = (got.tensor(name).unwrap(), expected.tensor(name).unwrap());
        assert_eq!(
            (a.dtype(), a.shape(), a.data()),
            (b.dtype(), b.shape(), b.data()),
            "{name}"
        );
    }
}

fn read(name: &str) -> Vec<u8> {
    fs::read(fixture("pickled").join(name)).unwrap()
}

#[test]
fn both_formats_of_torch_hold_the_tensors_that_torch_saved() {
    let expected = read("expected.safetensors");
    for name in ["zip.bin", "legacy.bin"] {
        assert_same(&imported(&read(name)).unwrap(), &expected);
    }
}

#[test]
fn shards_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("a.bin", &read("zip.bin"));
    let index = |file: &str| format!(r#"{{"weight_map": {{"whole": "{file}"}}}}"#);
    write("pytorch_model.bin.index.json", index("a.bin").as_bytes());
    let out = folder.path().join("out");
    let done = import(folder.path(), &out).unwrap();
    assert_same(
        &fs::read(done.weights).unwrap(),
        &read("expected.safetensors"),
    );
    let again = import(folder.path(), &out).unwrap_err().to_string();
    assert!(again.contains("is there already"), "{again}");
    write("pytorch_model.bin.index.json", index("../a.bin").as_bytes());
    let leaving = import(folder.path(), folder.path())
        .unwrap_err()
        .to_string();
    assert!(
        leaving.contains("`../a.bin` is not a file name"),
        "{leaving}"
    );
}

/// One of torch's archives with another pickle in it.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, content) in [("m/data.pkl", pickle), ("m/data/0", &[0; 16])] {
        let (mut entry, config) = archive.new_file(name).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        std::io::Write::write_all(&mut writer, content).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

/// A dictionary with one tensor `w` of four values, with this as shape, strides and offset.
fn tensor(offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut p = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
    p.extend(b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ");
    p.extend([b'K', offset]);
    for sizes in [shape, strides] {
        p.push(b'(');
        sizes.iter().for_each(|size| p.extend([b'K', *size]));
        p.push(b't');
    }
    p.extend(b"\x89ccollections\nOrderedDict\n)RtRs.");
    p
}

#[track_caller]
fn refused(pickle: &[u8], expected: &str) {
    let message = imported(&archive(pickle)).unwrap_err().to_string();
    assert!(message.contains(expected), "{message}\nnot: {expected}");
    assert!(message.contains("pytorch_model.bin: "), "{message}");
}

#[test]
fn what_is_more_than_tensors_is_refused_and_told() {
    // What would run a command in Python.
    refused(
        b"cos\nsystem\n(X\x02\x00\x00\x00lstR.",
        "the pickle names `os.system`, which tensors do not need; nothing of it was run (byte 0 of the pickle)",
    );
    refused(
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",
        "names `builtins.eval`",
    );
    refused(
        b"ctorch.storage\n_load_from_bytes\n.",
        "`torch.storage._load_from_bytes`",
    );
    // INST, OBJ, NEWOBJ and an extension: ways to call without REDUCE.
    for code in [b'i', b'o', 0x81, 0x82, 0x92] {
        refused(&[b'(', code, b'.'], "is none that tensors need");
    }
    refused(
        b"ccollections\nOrderedDict\n)R}b0N.",
        "dictionary of tensors",
    );
    refused(b"N}b.", "an object is given a state");
    refused(b"}.", "without tensors");
    refused(b"", "the pickle ends in the middle");
    refused(b"0.", "the stack is empty");
    refused(b"N(0.", "the stack is empty");
    refused(b"h\x05.", "place 5 of the memo is empty");
    refused(b"X\xff\xff\xff\xffa.", "the pickle ends in the middle");
    let deep = [b"N".to_vec(), vec![0x85; 1 << 20], b".".to_vec()].concat();
    refused(&deep, "tuples stand in one another");
}

#[test]
fn tensors_lie_inside_their_storage() {
    let good = imported(&archive(&tensor(0, &[2, 2], &[2, 1]))).unwrap();
    let good = SafeTensors::deserialize(&good).unwrap();
    assert_eq!(good.tensor("w").unwrap().shape(), [2, 2]);
    refused(
        &tensor(1, &[2, 2], &[2, 1]),
        "tensor `w` has shape [2, 2] and strides [2, 1] from value 1 on, but storage `0` has 4 values",
    );
    refused(&tensor(0, &[2, 3], &[2, 1]), "storage `0` has 4 values");
    // Each value many times over: a small file of a large tensor.
    refused(&tensor(0, &[255, 255], &[0, 0]), "storage `0` has 4 values");
    refused(&tensor(0, &[2, 2], &[1]), "another number of strides");
    refused(
        &tensor(0, &[1; 100], &[1; 100]),
        "a tensor has 100 dimensions",
    );
    let mut elsewhere = tensor(0, &[2, 2], &[2, 1]);
    let at = elsewhere.windows(3).position(|w| w == b"\x000X").unwrap();
    elsewhere[at + 1] = b'7';
    refused(&elsewhere, "storage `7`, which is not there");
}

#[test]
fn files_that_are_cut_or_changed_never_panic() {
    for name in ["zip.bin", "legacy.bin"] {
        let whole = read(name);
        for length in (0..whole.len()).step_by(7) {
            assert!(imported(&whole[..length]).is_err(), "{name}, {length}");
        }
        // Whatever a byte becomes: an error, or tensors.
        for place in (0..whole.len()).step_by(11) {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[place] ^= change;
                let _ = imported(&changed);
            }
        }
    }
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    let message = imported(pointer).unwrap_err().to_string();
    assert!(message.contains("pointer of Git LFS"), "{message}");
}
