//! A folder with a plan in it: `plan.json`, `jobs.tsv`, and beside them the run of its jobs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;
use lingo_lm::DeviceChoice;
use serde::{Deserialize, Serialize};

use super::job::{Job, Work, jobs};
use crate::failure::{Error, Kind};
use crate::inputs::FileHash;
use crate::pipeline::resolved::Pipeline;
use crate::plan::cell_id::VERSION;
use crate::plan::planned::Plan;
use crate::plan::selection::Request;
use crate::yaml::document::Document;

const SCHEMA: &str = "lingo-pipe/jobs/1";

/// `plan.json`: everything that another process needs to do one of the jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    /// Its format.
    pub schema: String,
    /// The version of the program that planned.
    pub version: String,
    /// The pipeline file as it was named.
    pub file: String,
    /// The folder that its relative paths are meant from.
    pub folder: PathBuf,
    /// Its text.
    pub text: String,
    /// The arguments of `--set`.
    pub sets: Vec<String>,
    /// The environment variables that it asked for; those that were not set are null.
    pub variables: BTreeMap<String, Option<String>>,
    /// What is typed behind `lingo-pipe run` for these settings.
    pub arguments: String,
    /// The selected tasks, methods and seeds.
    pub tasks: Vec<String>,
    /// See `tasks`.
    pub methods: Vec<String>,
    /// See `tasks`.
    pub seeds: Vec<u64>,
    /// The device's name: `cpu`, or what the GPU is called.
    pub device: String,
    /// The device as it was chosen.
    pub device_choice: String,
    /// Whether tasks with missing files are left out.
    pub skip_missing: bool,
    /// The input files.
    pub inputs: BTreeMap<PathBuf, FileHash>,
    /// The jobs.
    pub jobs: Vec<Job>,
}

/// A folder with a plan.
pub struct PlanFolder(PathBuf);

impl PlanFolder {
    /// The folder at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// `plan.json`.
    pub fn file(&self) -> PathBuf {
        RunFolder::new(&self.0).plan()
    }

    /// `jobs.tsv`.
    pub fn table(&self) -> PathBuf {
        RunFolder::new(&self.0).jobs()
    }

    /// Writes a plan; its run is the folder itself.
    ///
    /// # Errors
    /// Missing files, mistakes that only the model's and the tokens' sizes tell; results of other settings in the folder;
    /// the folder cannot be written.
    pub fn write(
        &self,
        plan: &Plan,
        request: &Request,
        sets: &[String],
    ) -> Result<PlanFile, Error> {
        plan.check_missing(request.skip_missing)?;
        let refused = plan.refusals();
        if !refused.is_empty() {
            return Err(Error::Refused(refused));
        }
        plan.preflight()?;
        let document = &plan.pipeline.document;
        let variables = RefCell::new(BTreeMap::new());
        let lookup = |name: &str| {
            let value = std::env::var(name).ok();
            variables
                .borrow_mut()
                .insert(name.to_owned(), value.clone());
            value
        };
        Document::parse(
            &document.name,
            &document.folder,
            document.text.clone(),
            sets,
            &lookup,
        )?;
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let inputs = plan.inputs.iter();
        let file = PlanFile {
            schema: SCHEMA.into(),
            version: VERSION.into(),
            file: document.name.clone(),
            folder: absolute(&document.folder),
            text: document.text.clone(),
            sets: sets.to_vec(),
            variables: variables.into_inner(),
            arguments: plan.arguments.clone(),
            tasks: plan.tasks.iter().map(|task| task.name.clone()).collect(),
            methods: plan.methods.clone(),
            seeds: plan.seeds.clone(),
            device: plan.device.clone(),
            device_choice: request.device.to_string(),
            skip_missing: request.skip_missing,
            inputs: inputs
                .map(|(path, hash)| (absolute(path), hash.clone()))
                .collect(),
            jobs: jobs(plan),
        };
        std::fs::create_dir_all(&self.0)
            .map_err(lingo_artifact::Error::io("create folder", &self.0))?;
        // Jobs need not hash the inputs again.
        plan.hashes.keep()?;
        atomic::write_json(&self.file(), &file)?;
        atomic::write_bytes(&self.table(), table(&file.jobs).as_bytes())?;
        Ok(file)
    }

    /// Reads `plan.json`.
    ///
    /// # Errors
    /// There is none; it is broken, or another version's.
    pub fn read(&self) -> Result<PlanFile, Error> {
        let path = self.file();
        if !path.is_file() {
            return Err(Error::stage(
                Kind::Input,
                format!(
                    "{} holds no plan.json: make one with `lingo-pipe plan PIPELINE --out {}`",
                    self.0.display(),
                    self.0.display()
                ),
            ));
        }
        let file: PlanFile = atomic::read_json(&path)?;
        if (file.schema.as_str(), file.version.as_str()) != (SCHEMA, VERSION) {
            return Err(Error::stage(
                Kind::Input,
                format!(
                    "{} was made by lingo-pipe {}, and this is {VERSION}: use that version, or plan again",
                    path.display(),
                    file.version
                ),
            ));
        }
        Ok(file)
    }

    /// The plan, made again from what the file says and the inputs as they are.
    ///
    /// # Errors
    /// An input that has changed since, another device: the ids of the jobs would be others.
    pub fn plan(&self, file: &PlanFile) -> Result<Plan, Error> {
        let lookup = |name: &str| file.variables.get(name).cloned().flatten();
        let document = Document::parse(
            &file.file,
            &file.folder,
            file.text.clone(),
            &file.sets,
            &lookup,
        )?;
        let choice: DeviceChoice = file.device_choice.parse()?;
        let request = Request {
            only: Some(file.tasks.clone()),
            methods: Some(file.methods.clone()),
            seeds: Some(file.seeds.clone()),
            out: Some(self.0.clone()),
            device: choice,
            skip_missing: file.skip_missing,
            ..Request::default()
        };
        let mut plan = Plan::new(Pipeline::of_document(document)?, &request)?;
        plan.arguments.clone_from(&file.arguments);
        self.compare(file, &plan)?;
        Ok(plan)
    }

    fn compare(&self, file: &PlanFile, plan: &Plan) -> Result<(), Error> {
        let refuse = |problem: String| {
            let path = self.file();
            let message = format!("{problem} since {} was made: plan again", path.display());
            Err(Error::stage(Kind::Input, message))
        };
        // One GPU's results are taken for another's.
        let on_cpu = |device: &str| device == "cpu";
        if on_cpu(&plan.device) != on_cpu(&file.device) {
            return Err(Error::stage(
                Kind::Input,
                format!(
                    "{} was made for the device {}, and here is {}: plan with `--device cpu`, or run the job where that \
                     device is",
                    self.file().display(),
                    file.device,
                    plan.device
                ),
            ));
        }
        for (path, planned) in &file.inputs {
            if !path.is_file() {
                return refuse(format!("{} is gone", path.display()));
            }
            if plan.hashes.of_file(path)? != *planned {
                return refuse(format!("{} has changed", path.display()));
            }
        }
        let ids = |jobs: &[Job]| jobs.iter().map(|job| job.id).collect::<Vec<Digest>>();
        // A model that was yet to be fetched is a job of the plan, and none once it is there.
        let without_model = |jobs: Vec<Job>| -> Vec<Digest> {
            let others = jobs
                .into_iter()
                .filter(|job| !matches!(job.work, Work::Model | Work::Report));
            ids(&others.collect::<Vec<Job>>())
        };
        if without_model(jobs(plan)) != without_model(file.jobs.clone()) {
            return refuse("the ids of the jobs have changed".into());
        }
        Ok(())
    }
}

/// The jobs as a table.
fn table(jobs: &[Job]) -> String {
    let mut text = String::from("index\tstage\tlabel\tid\tneeds\n");
    for job in jobs {
        let needs: Vec<String> = job.needs.iter().map(ToString::to_string).collect();
        text += &format!(
            "{}\t{}\t{}\t{}\t{}\n",
            job.index,
            job.work.stage(),
            job.work.label(),
            job.id,
            needs.join(",")
        );
    }
    text
}
