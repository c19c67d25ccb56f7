//! The order of things: the model, then task by task the cells, those with the same features side by side.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use lingo_adapt::CheckpointEvery;
use lingo_artifact::progress::StopFlag;
use lingo_artifact::run_folder::RunFolder;
use lingo_design::design::{Design, design};
use lingo_design::features::Features;
use lingo_design::features::kmers::KmerCounts;
use lingo_design::outcome::Landscape;
use lingo_design::prepare::Prepared;
use lingo_design::request::Request as DesignRequest;
use lingo_design::sequences::constraints::Constraints;
use lingo_design::sequences::known::{Columns, Known};
use lingo_design::settings::{FeatureChoice, Method};
use serde_json::{Map, Value, json};

use super::model::{Wanted, features};
use super::output::{Around, finished, write};
use crate::failure::{Error, Kind, MissingFile};
use crate::inputs::{Hashes, id_of};
use crate::observer::Observer;
use crate::pipeline::design_file::{DesignPlan, DesignTask, Offline};
use crate::plan::planned::made_by;
use crate::plan::selection::select;
use crate::plan::{ModelIdentity, Request, device_class, model_identity};
use crate::prepare::model::{Place, pretrain_at};

/// What the same settings mean: the number goes up when that changes.
const RESULTS: u32 = 1;

/// A cell, finished.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its task.
    pub task: String,
    /// Its method.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// What stands in its metrics.json.
    pub metrics: Map<String, Value>,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run's folder.
    pub run: PathBuf,
    /// All cells, in the order of the file.
    pub cells: Vec<Cell>,
    /// How many of them were finished before.
    pub cached: usize,
}

/// Runs a design file, or a part of it.
///
/// # Errors
/// Input files that are missing or wrong; names that the file does not have; an interruption.
pub fn run(
    mut plan: DesignPlan,
    request: &Request,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<Summary, Error> {
    let names = |section: &'static str, known: Vec<&str>, wanted: Option<&[String]>| {
        select(section, known.into_iter(), wanted)
    };
    let tasks = plan.tasks.iter().map(|(name, _)| name.as_str()).collect();
    let tasks = names("task", tasks, request.only.as_deref())?;
    let methods = plan.methods.iter().map(|(name, _)| name.as_str()).collect();
    let methods = names("method", methods, request.methods.as_deref())?;
    plan.tasks.retain(|(name, _)| tasks.contains(name));
    plan.methods.retain(|(name, _)| methods.contains(name));
    if let Some(seeds) = &request.seeds {
        plan.seeds = Vec::new();
        for seed in seeds {
            if !plan.seeds.contains(seed) {
                plan.seeds.push(*seed);
            }
        }
    }
    let folder = request.out.clone();
    let folder = folder.unwrap_or_else(|| RunFolder::of_pipeline(&plan.name).path().to_path_buf());
    let hashes = Hashes::of_run(&folder);
    let mut missing: Vec<MissingFile> = Vec::new();
    for (name, task) in &plan.tasks {
        if !task.data.is_file() {
            missing.push(MissingFile {
                task: name.clone(),
                path: task.data.clone(),
            });
        }
    }
    let needs_model = plan.methods.iter().any(|(_, m)| m.features().needs_model());
    let device = lingo_lm::device_name(&lingo_lm::open_device(request.device)?);
    let identity = match plan.model.as_mut().filter(|_| needs_model) {
        Some(model) => Some(model_identity(
            model,
            &folder,
            device_class(&device),
            &hashes,
            &mut BTreeMap::new(),
            &mut missing,
        )?),
        None => None,
    };
    if !missing.is_empty() {
        return Err(Error::Missing {
            files: missing,
            variables: Vec::new(),
        });
    }
    let run = Run {
        plan: &plan,
        request,
        folder,
        hashes,
        identity,
        observer,
        stop,
    };
    run.all()
}

struct Run<'a> {
    plan: &'a DesignPlan,
    request: &'a Request,
    folder: PathBuf,
    hashes: Hashes,
    identity: Option<ModelIdentity>,
    observer: &'a dyn Observer,
    stop: &'a StopFlag,
}

/// A task's data.
struct Data {
    known: Arc<Known>,
    landscape: Option<Landscape>,
    constraints: Constraints,
}

impl Run<'_> {
    fn all(&self) -> Result<Summary, Error> {
        let total = self.plan.tasks.len() * self.plan.methods.len() * self.plan.seeds.len();
        let mut cells = Vec::with_capacity(total);
        let mut cached = 0;
        // A model is loaded, and the same data are read by it, once.
        let mut models: HashMap<String, Arc<dyn Features>> = HashMap::new();
        for (task, section) in &self.plan.tasks {
            let mut data: Option<Data> = None;
            let mut prepared: HashMap<String, Arc<Prepared>> = HashMap::new();
            for (method, settings) in &self.plan.methods {
                // What no seed changes is designed once.
                let mut same: Option<Vec<Design>> = None;
                for &seed in &self.plan.seeds {
                    let label = format!("{task}/{method}/seed-{seed}");
                    let folder = self.folder.join(&label);
                    let id = self.id(section, settings, seed)?;
                    let done = finished(&folder, &id).filter(|_| !self.request.fresh);
                    let metrics = match done {
                        Some(metrics) => {
                            cached += 1;
                            metrics
                        }
                        None => {
                            if data.is_none() {
                                data = Some(read(section)?);
                            }
                            let Some(data) = &data else { unreachable!() };
                            let designs = match same.take() {
                                Some(designs) => designs,
                                None => self
                                    .cell(
                                        (section, settings, seed),
                                        data,
                                        &mut prepared,
                                        &mut models,
                                        &label,
                                    )
                                    .map_err(|e| e.during(&label))?,
                            };
                            let identity = [
                                ("task", json!(task)),
                                ("method", json!(method)),
                                ("seed", json!(seed)),
                                ("id", json!(id)),
                                ("settings", json!(settings)),
                            ];
                            let identity = identity.map(|(key, value)| (key.to_string(), value));
                            let around = Around {
                                known: &data.known,
                                landscape: data.landscape.as_ref(),
                            };
                            let metrics =
                                write(&folder, &designs, &around, identity.into_iter().collect())?;
                            same = (!settings.is_drawn()).then_some(designs);
                            metrics
                        }
                    };
                    cells.push(Cell {
                        task: task.clone(),
                        method: method.clone(),
                        seed,
                        metrics,
                    });
                    self.observer.cells(cells.len(), total);
                }
            }
        }
        self.hashes.keep()?;
        Ok(Summary {
            run: self.folder.clone(),
            cells,
            cached,
        })
    }

    /// Over all that can change a cell.
    fn id(&self, task: &DesignTask, method: &Method, seed: u64) -> Result<String, Error> {
        let model = self.identity.as_ref();
        let model = model.filter(|_| method.features().needs_model());
        let model = model.map(|identity| (&identity.hashes, &self.plan.tokens));
        let data = self.hashes.of_file(&task.data)?.sha256;
        let id = id_of(&json!([
            "design",
            RESULTS,
            data,
            [&task.sequence, &task.score],
            task.offline,
            task.designs,
            task.constraints,
            method,
            seed,
            model,
        ]));
        Ok(id.to_string())
    }

    fn cell(
        &self,
        (section, method, seed): (&DesignTask, &Method, u64),
        data: &Data,
        prepared: &mut HashMap<String, Arc<Prepared>>,
        models: &mut HashMap<String, Arc<dyn Features>>,
        label: &str,
    ) -> Result<Vec<Design>, Error> {
        let choice = method.features();
        let length = data.known.length();
        let random = match choice {
            FeatureChoice::RandomWeights(_) => Some(seed),
            _ => None,
        };
        let key = format!("{} {random:?}", json!(choice));
        let prepared = match prepared.get(&key) {
            Some(prepared) => prepared.clone(),
            None => {
                let key_of_model = format!("{key} {length}");
                let features = match models.get(&key_of_model) {
                    Some(features) => features.clone(),
                    None => {
                        let features = self.features(&choice, random, length)?;
                        models.insert(key_of_model, features.clone());
                        features
                    }
                };
                let made = Arc::new(Prepared::new(features, data.known.clone())?);
                prepared.insert(key, made.clone());
                made
            }
        };
        let progress = self.observer.part(label);
        progress.begin("designing", 0);
        let designs = design(&DesignRequest {
            method,
            prepared: &prepared,
            constraints: &data.constraints,
            count: section.designs.get() as usize,
            seed,
            progress: progress.as_ref(),
            stop: self.stop,
        })?;
        progress.end("");
        if designs.len() < section.designs.get() as usize {
            self.observer.say(&format!(
                "{label}: {} of {} designs; nothing else that was found keeps to the constraints",
                designs.len(),
                section.designs
            ));
        }
        Ok(designs)
    }

    fn features(
        &self,
        choice: &FeatureChoice,
        random: Option<u64>,
        length: usize,
    ) -> Result<Arc<dyn Features>, Error> {
        let (settings, identity) = match (choice, &self.identity) {
            (FeatureChoice::Kmers(kmers), _) => {
                return Ok(Arc::new(KmerCounts::new(kmers.k.get(), length)?));
            }
            (
                FeatureChoice::LanguageModel(settings) | FeatureChoice::RandomWeights(settings),
                Some(identity),
            ) => (settings, identity),
            // The reader refuses it.
            (_, None) => return Err(Error::stage(Kind::Usage, "the file names no model")),
        };
        if let Some(model) = &self.plan.model {
            let device = lingo_lm::open_device(self.request.device)?;
            let place = Place {
                run: &self.folder,
                identity,
                device: self.request.device,
                made_by: made_by(&lingo_lm::device_name(&device)),
            };
            let every = CheckpointEvery::default();
            pretrain_at(&place, model, every, self.observer, self.stop)?;
        }
        Ok(Arc::new(features(&Wanted {
            folder: &identity.folder,
            tokens: self.plan.tokens.as_ref(),
            random,
            both_strands: settings.both_strands,
            length,
            device: self.request.device,
        })?))
    }
}

/// Reads a task's table, and takes what methods may see.
fn read(section: &DesignTask) -> Result<Data, Error> {
    let columns = Columns {
        sequence: &section.sequence,
        score: &section.score,
    };
    let all = Known::read(&section.data, columns)?;
    let constraints = section.constraints.check(all.length())?;
    let lowest = match section.offline {
        Offline::All => None,
        Offline::Lowest(rows) => Some(rows.get() as usize),
        Offline::LowestShare(share) => Some((share.get() * all.len() as f64).floor() as usize),
    };
    let Some(lowest) = lowest else {
        return Ok(Data {
            known: Arc::new(all),
            landscape: None,
            constraints,
        });
    };
    let mut rows = all.by_score();
    rows.truncate(lowest);
    Ok(Data {
        known: Arc::new(all.select(&rows)),
        landscape: Some(Landscape::new(&all)),
        constraints,
    })
}
