//! The checkpoints of a training: the newest two and the values of the best evaluation, each with its hash.
//!
//! ```text
//! checkpoints/
//!   step-00000120.json           what it is of, its files with their hashes; written last
//!   step-00000120.safetensors    all that training needs to go on
//!   best-00000100.safetensors    the values of the best evaluation so far
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::settings::checkpoint_every::CheckpointEvery;
use crate::tensor_file::TensorFile;

/// What `schema` says in every manifest of this version.
const SCHEMA: &str = "lingo-pipe/checkpoint/1";
/// The key of a checkpoint's numbers in the notes of its tensors.
pub(crate) const KEY: &str = "state";
/// Checkpoints that are kept.
const KEPT: usize = 2;

/// What a checkpoint is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// A hash of all that shapes the run: data, model, settings, seed.
    pub run: String,
    /// What computes: another device or instruction set gives other last digits.
    pub computed_by: String,
}

/// `step-n.json`: written when the files that it names are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Manifest {
    schema: String,
    /// Optimizer steps done.
    step: u64,
    of: Identity,
    /// The step of the best evaluation, where its values stand in a file of their own.
    best: Option<u64>,
    /// The sha256 of each file.
    files: BTreeMap<String, Digest>,
}

/// A checkpoint whose hashes are right.
#[derive(Debug)]
pub(crate) struct Found {
    /// Optimizer steps done.
    pub step: u64,
    pub state: TensorFile,
    /// The values of the best evaluation.
    pub best: Option<TensorFile>,
}

/// The folder of a training's checkpoints.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
    of: Identity,
    every: CheckpointEvery,
    /// The step and the time of the last one, written or read.
    last: (u64, Instant),
    /// Of the best values that stand in the folder: their step and hash.
    best: Option<(u64, Digest)>,
}

impl Checkpoints {
    pub fn new(folder: PathBuf, of: Identity, every: CheckpointEvery) -> Self {
        Self {
            folder,
            of,
            every,
            last: (0, Instant::now()),
            best: None,
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a checkpoint is to be written after step `step`.
    pub fn is_due(&self, step: u64) -> bool {
        self.every.is_due(step - self.last.0, self.last.1.elapsed())
    }

    /// Whether the newest checkpoint is that of step `step`.
    pub fn has(&self, step: u64) -> bool {
        self.last.0 == step && manifest_path(&self.folder, step).is_file()
    }

    /// Writes the checkpoint of step `step`, and removes those that are too old. `best`: the step of the best evaluation,
    /// and its values, written once.
    ///
    /// # Errors
    /// A file cannot be written; the checkpoints before it are still there.
    pub fn write(
        &mut self,
        step: u64,
        state: &TensorFile,
        best: Option<(u64, impl FnOnce() -> TensorFile)>,
    ) -> Result<(), Error> {
        atomic::remove_leftovers(&self.folder)?;
        let mut files = BTreeMap::new();
        let mut write = |name: String, file: &TensorFile| {
            let bytes = file.to_bytes(&self.folder.join(&name))?;
            atomic::write_bytes(&self.folder.join(&name), &bytes)?;
            let digest = Digest::of_bytes(&bytes);
            files.insert(name, digest);
            Ok::<_, Error>(digest)
        };
        write(state_name(step), state)?;
        let best_step = best.as_ref().map(|(step, _)| *step);
        if let Some((step, values)) = best {
            match self.best {
                Some((there, digest)) if there == step => {
                    files.insert(best_name(step), digest);
                }
                _ => self.best = Some((step, write(best_name(step), &values())?)),
            }
        }
        let manifest = Manifest {
            schema: SCHEMA.into(),
            step,
            of: self.of.clone(),
            best: best_step,
            files,
        };
        atomic::write_json(&manifest_path(&self.folder, step), &manifest)?;
        self.last = (step, Instant::now());
        self.remove_old()
    }

    /// Removes all but the newest checkpoints, manifests first, and every file that none of them names.
    fn remove_old(&self) -> Result<(), Error> {
        let mut named = BTreeSet::new();
        for (i, step) in steps(&self.folder)?.into_iter().rev().enumerate() {
            let path = manifest_path(&self.folder, step);
            match read_manifest(&path) {
                Ok(manifest) if i < KEPT => {
                    named.extend(manifest.files.into_keys());
                    named.insert(manifest_name(step));
                }
                _ => remove(&path)?,
            }
        }
        for name in names(&self.folder)? {
            if !named.contains(&name) {
                remove(&self.folder.join(name))?;
            }
        }
        Ok(())
    }

    /// The newest checkpoint of this run that `take` can use; what is wrong with newer ones is told by `say`.
    ///
    /// # Errors
    /// [`Error::OtherDevice`] where it was computed elsewhere; the folder cannot be read.
    pub fn read<T>(
        &mut self,
        say: &dyn Fn(&str),
        take: impl Fn(Found) -> Result<T, String>,
    ) -> Result<Option<T>, Error> {
        let mut damaged = false;
        for step in steps(&self.folder)?.into_iter().rev() {
            let path = manifest_path(&self.folder, step);
            let found = match read_manifest(&path) {
                Ok(manifest) if manifest.of.run != self.of.run => {
                    say(&format!(
                        "the checkpoint of step {step} in {} is of other data, settings or another version: it is not used",
                        self.folder.display()
                    ));
                    break;
                }
                Ok(manifest) if manifest.of.computed_by != self.of.computed_by => {
                    return Err(Error::OtherDevice {
                        step,
                        folder: self.folder.clone(),
                        was: manifest.of.computed_by,
                        now: self.of.computed_by.clone(),
                    });
                }
                Ok(manifest) => self.open(&manifest).and_then(|found| {
                    let best = manifest.best.and_then(|step| {
                        let digest = manifest.files.get(&best_name(step))?;
                        Some((step, *digest))
                    });
                    Ok((take(found)?, best))
                }),
                Err(problem) => Err(problem),
            };
            match found {
                Ok((taken, best)) => {
                    if damaged {
                        self.remove_newer(step)?;
                    }
                    self.last = (step, Instant::now());
                    self.best = best;
                    return Ok(Some(taken));
                }
                Err(problem) => {
                    damaged = true;
                    say(&format!(
                        "warning: the checkpoint {} is damaged: {problem}",
                        path.display()
                    ));
                }
            }
        }
        if damaged {
            say("no checkpoint is whole: training begins anew");
        }
        // What lies there cannot be gone on with, and must not pass for the newest later.
        forget(&self.folder)?;
        Ok(None)
    }

    /// Removes the damaged checkpoints behind the one that is gone on from.
    fn remove_newer(&self, step: u64) -> Result<(), Error> {
        let mut newer = steps(&self.folder)?.into_iter().filter(|s| *s > step);
        newer.try_for_each(|step| remove(&manifest_path(&self.folder, step)))
    }

    /// The tensors of a checkpoint, their hashes compared.
    fn open(&self, manifest: &Manifest) -> Result<Found, String> {
        let open = |name: String| {
            let expected = manifest.files.get(&name);
            let expected = expected.ok_or_else(|| format!("it does not name {name}"))?;
            let bytes = fs::read(self.folder.join(&name)).map_err(|e| format!("{name}: {e}"))?;
            if Digest::of_bytes(&bytes) != *expected {
                return Err(format!(
                    "{name} has another sha256 than when it was written"
                ));
            }
            TensorFile::of_bytes(&bytes, KEY).map_err(|problem| format!("{name}: {problem}"))
        };
        Ok(Found {
            step: manifest.step,
            state: open(state_name(manifest.step))?,
            best: manifest
                .best
                .map(|step| open(best_name(step)))
                .transpose()?,
        })
    }
}

/// The step of the newest checkpoint in a folder, where there is one.
pub(crate) fn newest(folder: &Path) -> Option<u64> {
    steps(folder).ok()?.pop()
}

/// Removes a folder of checkpoints; one that is not there is no error.
pub(crate) fn forget(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(lingo_artifact::Error::io("remove", folder)(e).into())
        }
        _ => Ok(()),
    }
}

fn manifest_name(step: u64) -> String {
    format!("step-{step:08}.json")
}

fn manifest_path(folder: &Path, step: u64) -> PathBuf {
    folder.join(manifest_name(step))
}

fn state_name(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

fn best_name(step: u64) -> String {
    format!("best-{step:08}.safetensors")
}

fn read_manifest(path: &Path) -> Result<Manifest, String> {
    let manifest: Manifest = atomic::read_json(path).map_err(|e| e.to_string())?;
    match manifest.schema == SCHEMA {
        true => Ok(manifest),
        false => Err(format!(
            "its schema is `{}`, this version reads `{SCHEMA}`",
            manifest.schema
        )),
    }
}

/// The steps whose manifests are there, ascending.
fn steps(folder: &Path) -> Result<Vec<u64>, Error> {
    let mut steps: Vec<u64> = names(folder)?
        .iter()
        .filter_map(|name| {
            let step = name.strip_prefix("step-")?.strip_suffix(".json")?;
            step.parse().ok()
        })
        .collect();
    steps.sort_unstable();
    Ok(steps)
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let io = |e| lingo_artifact::Error::io("read", folder)(e);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io(e).into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(io)?.file_name().into_string());
    }
    Ok(names)
}

fn remove(path: &Path) -> Result<(), Error> {
    Ok(fs::remove_file(path).map_err(lingo_artifact::Error::io("remove", path))?)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn identity(run: &str, computed_by: &str) -> Identity {
        Identity {
            run: run.into(),
            computed_by: computed_by.into(),
        }
    }

    fn of(folder: &Path, run: &str) -> Checkpoints {
        let every = "3".parse().unwrap();
        Checkpoints::new(folder.join("c"), identity(run, "cpu avx2"), every)
    }

    fn file(value: f32) -> TensorFile {
        let mut file = TensorFile {
            note: (KEY.into(), "{}".into()),
            ..TensorFile::default()
        };
        file.add("values", &[1], vec![value]);
        file
    }

    fn write(checkpoints: &mut Checkpoints, step: u64, best: Option<u64>) {
        let best = best.map(|step| (step, move || file(-(step as f32))));
        checkpoints.write(step, &file(step as f32), best).unwrap();
    }

    type Taken = (u64, f32, Option<f32>);

    /// What is taken up, and what is said.
    fn taken(checkpoints: &mut Checkpoints) -> (Option<Taken>, String) {
        let said = RefCell::new(String::new());
        let found = checkpoints.read(&|text| said.borrow_mut().push_str(text), |found| {
            let value = |file: &TensorFile| file.tensors["values"].1[0];
            Ok((
                found.step,
                value(&found.state),
                found.best.as_ref().map(value),
            ))
        });
        (found.unwrap(), said.into_inner())
    }

    fn listed(checkpoints: &Checkpoints) -> Vec<String> {
        let mut names = names(&checkpoints.folder).unwrap();
        names.sort();
        names
    }

    #[test]
    fn the_newest_two_and_their_best_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = of(folder.path(), "a");
        assert_eq!(taken(&mut checkpoints), (None, String::new()));
        write(&mut checkpoints, 3, None);
        write(&mut checkpoints, 6, Some(5));
        write(&mut checkpoints, 9, Some(5));
        let names = ["best-00000005", "step-00000006", "step-00000009"];
        let files = |names: &[&str]| {
            let files = names.iter().flat_map(|name| {
                let tensors = format!("{name}.safetensors");
                let manifest = name.starts_with("step").then(|| format!("{name}.json"));
                manifest.into_iter().chain([tensors])
            });
            files.collect::<Vec<String>>()
        };
        assert_eq!(listed(&checkpoints), files(&names));
        assert!(checkpoints.has(9) && !checkpoints.has(6));
        assert!(!checkpoints.is_due(11) && checkpoints.is_due(12));
        // Also by one that has only read them.
        let mut again = of(folder.path(), "a");
        assert_eq!(
            taken(&mut again),
            (Some((9, 9.0, Some(-5.0))), String::new())
        );
        write(&mut again, 12, Some(5));
        write(&mut again, 15, Some(14));
        let names = [
            "best-00000005",
            "best-00000014",
            "step-00000012",
            "step-00000015",
        ];
        assert_eq!(listed(&again), files(&names));
        assert_eq!(newest(again.folder()), Some(15));
        // A run that went back writes a step anew.
        let mut third = of(folder.path(), "a");
        taken(&mut third);
        write(&mut third, 15, Some(14));
        assert_eq!(taken(&mut third).0, Some((15, 15.0, Some(-14.0))));
    }

    #[test]
    fn a_damaged_one_falls_back_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = of(folder.path(), "a");
        let prepare = |checkpoints: &mut Checkpoints| {
            forget(checkpoints.folder()).unwrap();
            *checkpoints = of(folder.path(), "a");
            write(checkpoints, 3, Some(2));
            write(checkpoints, 6, Some(5));
        };
        let path = |name: &str| folder.path().join("c").join(name);
        let cut = |name: &str| {
            let bytes = fs::read(path(name)).unwrap();
            fs::write(path(name), &bytes[..bytes.len() / 2]).unwrap();
        };
        let flip = |name: &str| {
            let mut bytes = fs::read(path(name)).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path(name), bytes).unwrap();
        };
        let gone = |name: &str| fs::remove_file(path(name)).unwrap();
        type Damage<'a> = (&'a str, &'a dyn Fn(&str), &'a str);
        let damages: [Damage; 6] = [
            ("step-00000006.safetensors", &cut, "another sha256"),
            ("step-00000006.safetensors", &flip, "another sha256"),
            (
                "step-00000006.safetensors",
                &gone,
                "step-00000006.safetensors: ",
            ),
            (
                "best-00000005.safetensors",
                &flip,
                "best-00000005.safetensors has another",
            ),
            ("step-00000006.json", &cut, "JSON"),
            (
                "best-00000005.safetensors",
                &gone,
                "best-00000005.safetensors: ",
            ),
        ];
        for (name, damage, problem) in damages {
            prepare(&mut checkpoints);
            damage(name);
            let (found, said) = taken(&mut checkpoints);
            assert_eq!(found, Some((3, 3.0, Some(-2.0))), "{name}: {said}");
            assert!(
                said.contains("step-00000006.json is damaged") && said.contains(problem),
                "{said}"
            );
            write(&mut checkpoints, 5, Some(4));
            let (found, said) = taken(&mut of(folder.path(), "a"));
            assert_eq!((found, said.as_str()), (Some((5, 5.0, Some(-4.0))), ""));
        }
        prepare(&mut checkpoints);
        cut("step-00000006.safetensors");
        cut("step-00000003.safetensors");
        let (found, said) = taken(&mut checkpoints);
        assert_eq!(found, None);
        assert!(said.ends_with("training begins anew"), "{said}");
        assert!(!checkpoints.folder().exists());
    }

    #[test]
    fn another_runs_are_not_taken_up_and_another_devices_are_left() {
        let folder = tempfile::tempdir().unwrap();
        write(&mut of(folder.path(), "a"), 3, None);
        let mut elsewhere = of(folder.path(), "a");
        elsewhere.of.computed_by = "cpu avx512".into();
        let error = elsewhere.read(&|_| (), |_| Ok(())).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("cpu avx2")
                && message.contains("cpu avx512")
                && message.contains("step 3"),
            "{message}"
        );
        let (found, said) = taken(&mut of(folder.path(), "b"));
        assert_eq!(found, None);
        assert!(
            said.contains("step 3") && said.contains("is not used"),
            "{said}"
        );
        assert_eq!(taken(&mut of(folder.path(), "a")).0, None);
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = of(folder.path(), "a");
        write(&mut checkpoints, 3, Some(2));
        // A folder in the way of the manifest stops the write as a full disk would.
        fs::create_dir_all(manifest_path(checkpoints.folder(), 6).join("x")).unwrap();
        let best = Some((5, || file(-5.0)));
        checkpoints.write(6, &file(6.0), best).unwrap_err();
        fs::remove_dir_all(manifest_path(checkpoints.folder(), 6)).unwrap();
        let (found, said) = taken(&mut of(folder.path(), "a"));
        assert_eq!((found, said.as_str()), (Some((3, 3.0, Some(-2.0))), ""));
        write(&mut checkpoints, 9, Some(5));
        assert_eq!(taken(&mut checkpoints).0, Some((9, 9.0, Some(-5.0))));
    }
}
