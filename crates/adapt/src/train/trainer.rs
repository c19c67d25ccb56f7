//! The training loop.

use std::time::Instant;

use lingo_artifact::Label;
use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::train_log::TrainEvent;

use crate::batching::{
    EVALUATION_BATCH, epoch_batches, epoch_batches_by_tokens, evaluation_batches,
};
use crate::error::Error;
use crate::network::net::Net;
use crate::network::store::ParameterStore;
use crate::rank::adaptation::{Allocation, RankAdaptation, Values};
use crate::rank::orthogonality;
use crate::reading::{Input, Reader, Rows, View, add_beside, labels_of};
use crate::settings::train_config::SelectBy;
use crate::settings::train_config::TrainConfig;
use crate::train::average::RunningAverage;
use crate::train::checkpoints::Checkpoints;
use crate::train::dropout::Dropout;
use crate::train::loss::mean_loss;
use crate::train::mcc::matthews_corrcoef;
use crate::train::objective::Objective;
use crate::train::optimizer::{AdamW, RateSchedule, clip};
use crate::train::rank_dropout::RankDropout;
use crate::train::state::{Progressed, Vectors, best_to_file, of_found, to_file};
use crate::train::train_log::TrainLog;
use crate::train::watch::Watch;

/// Everything that training needs, and its state.
pub(crate) struct Trainer<'a, N: Net> {
    pub network: N,
    pub store: ParameterStore,
    pub allocator: Option<Box<dyn RankAdaptation>>,
    /// Triplets that are left out of a step, under methods with such a dropout.
    pub rank_dropout: Option<RankDropout>,
    /// What the learning rate of each entry of the store is multiplied with.
    pub rates: Vec<f64>,
    /// The step of the last allocation: evaluations before it are not selected.
    pub select_from: u64,
    /// Weight of the orthogonality penalty.
    pub orthogonality: f64,
    pub config: &'a TrainConfig,
    /// What training makes small.
    pub objective: Objective,
    /// Looks whether anything is learnt.
    pub watch: Watch,
    pub schedule: RateSchedule,
    pub steps_per_epoch: u64,
    pub dropout: Dropout,
    pub seed: u64,
    pub train: Rows<'a>,
    pub dev: Rows<'a>,
    pub reader: Reader<'a>,
    /// Whether dev is predicted from both strands, and the logits averaged.
    pub both_strands: bool,
    pub log: TrainLog,
    pub checkpoints: Checkpoints,
    pub progress: &'a dyn Progress,
    pub stop: &'a StopFlag,
    pub state: Progressed,
    /// The step of the last evaluation that the newest checkpoint holds.
    pub saved_evaluation: Option<u64>,
    /// What is evaluated in place of the values of the step, where the settings say so.
    pub average: RunningAverage,
    /// Values and live triplets of the best evaluation.
    pub best: Option<(Vec<f32>, Vec<bool>)>,
    /// The gradients of the last step, as the optimizer saw them.
    pub last_gradients: Vec<f32>,
}

/// Logits of tokens that are held at a time in an evaluation, 64 MiB.
const MOST_LOGITS: usize = 1 << 24;

/// One evaluation on dev.
struct Evaluation {
    loss: f64,
    mcc: Option<f64>,
}

impl<N: Net> Trainer<'_, N> {
    /// Trains to the end, or until patience runs out, and leaves the checkpoint of that.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the stop flag is raised and the checkpoint written;
    /// [`Error::NotFinite`]; what the device, the log or the checkpoint say.
    pub fn run(&mut self) -> Result<(), Error> {
        match self.train() {
            Err(Error::Stopped) => return Err(self.interrupt()),
            trained => trained?,
        }
        // Without a dev split nothing was evaluated; what is exported is the average all the same.
        if self.best.is_none()
            && let Some(values) = self.average.values()
        {
            self.best = Some((values, self.live()));
        }
        // What follows, the predictions, is not to cost the training when it is interrupted.
        self.save()
    }

    fn train(&mut self) -> Result<(), Error> {
        let begin = Instant::now();
        let seconds_before = self.state.seconds;
        let lengths = self.train.lengths();
        let batch = self.config.batch.get() as usize;
        let accumulate = self.config.accumulate.get() as usize;
        let mut logged = (Instant::now(), self.state.tokens);
        // An evaluation may have been interrupted.
        self.evaluate_if_due()?;
        while !self.is_finished() {
            let epoch = self.state.step / self.steps_per_epoch;
            let batches = match self.config.batch_tokens {
                None => epoch_batches(&lengths, batch, self.seed, epoch),
                Some(budget) => {
                    epoch_batches_by_tokens(&lengths, u64::from(budget.get()), self.seed, epoch)
                }
            };
            let augment = &self.config.augment;
            let mut views = View::of_epoch(augment, self.seed, epoch, self.train.rows.len());
            View::shuffle(&mut views, &self.train.shuffled, self.seed, epoch);
            if self.reader.masking.is_some() {
                View::hide(&mut views, self.seed, epoch);
            }
            let done_of_epoch = (self.state.step % self.steps_per_epoch) as usize;
            for group in batches.chunks(accumulate).skip(done_of_epoch) {
                if self.stop.is_raised() {
                    return Err(Error::Stopped);
                }
                let learning_rate = self.schedule.rate(self.state.step);
                let loss = self.step(group, &views, learning_rate)?;
                self.state.loss_sum += loss;
                self.state.loss_steps += 1;
                self.state.seconds = seconds_before + begin.elapsed().as_secs_f64();
                self.warn_if_nothing_is_learnt();
                let allocation = self.allocate();
                let step = self.state.step;
                self.average.after_step(step, &self.store.values);
                if step.is_multiple_of(u64::from(self.config.log_every.get()))
                    || allocation.is_some()
                {
                    self.write_log(learning_rate, allocation, &mut logged)?;
                }
                if self.evaluates_at(step) {
                    self.average.at_evaluation(step, &self.store.values);
                }
                if self.checkpoints.is_due(step) {
                    self.save()?;
                }
                self.evaluate_if_due()?;
                self.state.seconds = seconds_before + begin.elapsed().as_secs_f64();
                if self.is_finished() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.state.step >= self.schedule.total || self.state.stopped
    }

    /// Stops here; the error says that the run can be gone on with.
    pub fn interrupt(&mut self) -> Error {
        match self.save() {
            Ok(()) => Error::Interrupted {
                step: self.state.step,
                checkpoint: self.checkpoints.folder().to_owned(),
            },
            Err(e) => e,
        }
    }

    /// One optimizer step over `group`, batches of row indices; the mean loss of its examples.
    fn step(
        &mut self,
        group: &[Vec<usize>],
        views: &[View],
        learning_rate: f64,
    ) -> Result<f64, Error> {
        let read = |indices: &Vec<usize>| self.reader.inputs_seen(&self.train, indices, views);
        let inputs: Vec<Vec<Input>> = group.iter().map(read).collect::<Result<_, _>>()?;
        let labels: Vec<Vec<&Label>> = (group.iter().zip(&inputs))
            .map(|(indices, inputs)| labels_of(inputs, &self.train, indices, self.reader.masking))
            .collect();
        let all = labels.iter().flatten();
        let counts: f64 = all.map(|label| self.objective.counts(label)).sum();
        let mut gradients = vec![0.0f32; self.store.len()];
        let step = self.state.step + 1;
        let (shown, weight) = self.shown(step);
        let uploaded = self.network.upload(&self.store, shown.as_deref(), true)?;
        let uploaded = self.network.weighted(uploaded, weight);
        let mut loss = 0.0;
        for (inputs, labels) in inputs.iter().zip(&labels) {
            loss += self.backward(inputs, labels, counts, &uploaded, &mut gradients)?;
        }
        let loss = loss / counts;
        self.finite("loss", loss, step, learning_rate)?;
        if self.watch.covers(step, self.state.warning.is_some()) {
            self.state.seen.loss += loss;
        }
        if let Some(allocator) = &mut self.allocator {
            allocator.observe(step, &self.store.values, &gradients, shown.as_deref());
        }
        if self.orthogonality > 0.0 {
            let triplets = self.network.triplets(&self.store);
            orthogonality::penalize(
                &self.store.values,
                &mut gradients,
                &triplets,
                self.orthogonality,
            );
        }
        let allocator = self.allocator.as_deref();
        let frozen = allocator.and_then(RankAdaptation::frozen);
        if let Some(frozen) = frozen {
            gradients
                .iter_mut()
                .zip(frozen)
                .filter(|(_, f)| **f)
                .for_each(|(g, _)| *g = 0.0);
        }
        let norm = clip(&mut gradients, Some(self.config.clip.get()));
        self.finite("gradient norm", norm, step, learning_rate)?;
        let optimizer = AdamW {
            weight_decay: self.config.weight_decay.get(),
            rates: &self.rates,
        };
        let apart = allocator.and_then(RankAdaptation::apart);
        optimizer.step(&mut self.store, &gradients, learning_rate, apart);
        for one in allocator.map_or(Vec::new(), |a| a.restarted(step)) {
            let rate = learning_rate * one.warm;
            let places = one.module.places(one.triplet);
            let places = places.filter(|&place| !frozen.is_some_and(|f| f[place]));
            optimizer.step_apart(&mut self.store, &gradients, rate, one.steps, places);
        }
        self.last_gradients = gradients;
        self.state.step += 1;
        Ok(loss)
    }

    /// Warns where nothing is learnt, and takes the warning back where that begins late.
    fn warn_if_nothing_is_learnt(&mut self) {
        let (step, was_warned) = (self.state.step, self.state.warning.is_some());
        if !self.watch.covers(step, was_warned) || !self.watch.ends_at(step) {
            return;
        }
        let try_also = match (self.reader.bases, self.reader.masking) {
            (true, _) => "",
            (false, Some(_)) => ", or other tokens (`scheme`, `vocabulary`)",
            (false, None) => ", another `pooling`, or other tokens (`scheme`, `vocabulary`)",
        };
        let seen = std::mem::take(&mut self.state.seen);
        self.state.warning = self.watch.warning(step, seen, try_also);
        match &self.state.warning {
            Some(warning) if !was_warned => self.progress.say(warning),
            None if was_warned => self.progress.say(&format!(
                "the training loss has begun to fall, by step {step}"
            )),
            _ => (),
        }
    }

    /// The triplets in the forward pass of a step, and what their product is multiplied with.
    fn shown(&self, step: u64) -> (Option<Vec<bool>>, f64) {
        let mut shown = self.allocator.as_deref().and_then(|a| a.shown(step));
        let triplets = self.network.triplet_count();
        let dropout = self.rank_dropout.as_ref();
        let weight = dropout.map_or(1.0, |d| d.apply(step, triplets, &mut shown));
        (shown, weight)
    }

    /// Forward and backward pass of one batch of a step whose examples count so much together; adds to `gradients` and returns the summed loss.
    fn backward(
        &mut self,
        inputs: &[Input],
        labels: &[&Label],
        counts: f64,
        uploaded: &N::Uploaded,
        gradients: &mut [f32],
    ) -> Result<f64, Error> {
        self.state.tokens += inputs.iter().map(Input::length).sum::<u64>();
        let outputs = self.network.outputs();
        let step = self.state.step + 1;
        if self.watch.covers(step, self.state.warning.is_some()) {
            let logits = self.watch.untrained(inputs, labels.len());
            let mut unused = vec![0.0; logits.len()];
            let untrained = self
                .objective
                .summed(&logits, outputs, labels, 0.0, &mut unused);
            self.state.seen.prior += untrained / counts;
        }
        let mut loss = 0.0;
        let mut slope_of = |logits: &[f32]| {
            let mut slope = vec![0.0; logits.len()];
            let mut logits = logits.to_vec();
            add_beside(&mut logits, inputs);
            let objective = &self.objective;
            loss = objective.summed(&logits, outputs, labels, 1.0 / counts, &mut slope);
            loss.is_finite().then_some(slope)
        };
        self.network.learn(
            &self.store,
            uploaded,
            inputs,
            &mut self.dropout,
            &mut slope_of,
            gradients,
        )?;
        Ok(loss)
    }

    fn finite(
        &self,
        what: &'static str,
        value: f64,
        step: u64,
        learning_rate: f64,
    ) -> Result<(), Error> {
        if value.is_finite() {
            return Ok(());
        }
        Err(Error::NotFinite {
            what,
            value,
            step,
            learning_rate,
        })
    }

    fn allocate(&mut self) -> Option<Allocation> {
        let allocator = self.allocator.as_mut()?;
        let gradients = std::mem::take(&mut self.last_gradients);
        let mut trained = Values {
            values: &mut self.store.values,
            first_moments: &mut self.store.first_moments,
            second_moments: &mut self.store.second_moments,
        };
        let allocation = allocator.after_step(self.state.step, &mut trained, &gradients);
        self.state.reintroduced += allocation.as_ref().map_or(0, |a| a.reintroduced);
        allocation
    }

    fn epochs_done(&self) -> f64 {
        self.state.step as f64 / self.steps_per_epoch as f64
    }

    fn write_log(
        &mut self,
        learning_rate: f64,
        allocation: Option<Allocation>,
        logged: &mut (Instant, u64),
    ) -> Result<(), Error> {
        let loss = self.state.loss_sum / self.state.loss_steps.max(1) as f64;
        let spent = logged.0.elapsed().as_secs_f64();
        let speed = (self.state.tokens - logged.1) as f64 / spent.max(1e-9);
        *logged = (Instant::now(), self.state.tokens);
        self.state.loss_sum = 0.0;
        self.state.loss_steps = 0;
        let alive = self
            .allocator
            .as_ref()
            .map(|a| a.live().iter().filter(|&&l| l).count() as u64);
        self.log.append(&TrainEvent {
            step: self.state.step,
            epoch: self.epochs_done(),
            loss: Some(loss),
            learning_rate: Some(learning_rate),
            rank_budget: self.allocator.as_ref().map(|a| a.budget(self.state.step)),
            rank_alive: alive,
            reintroduced: allocation.as_ref().map(|a| a.reintroduced),
            rank_pattern: allocation.map(|a| a.pattern),
            tokens: Some(self.state.tokens),
            tokens_per_second: Some(speed),
            seconds: Some(self.state.seconds),
            peak_memory_bytes: crate::train::memory::peak_memory(),
            device_memory_bytes: self.network.device_memory(),
            ..TrainEvent::default()
        })?;
        let note = format!("loss {loss:.3}, {speed:.0} tokens/s");
        self.progress.advance(self.state.step, &note);
        Ok(())
    }

    fn evaluates_at(&self, step: u64) -> bool {
        let every = self
            .config
            .evaluate_every
            .map_or(self.steps_per_epoch, |n| u64::from(n.get()));
        step.is_multiple_of(every) || step == self.schedule.total
    }

    /// Evaluates on dev where the last step asks for it and it was not done yet, keeps the parameters if they are the best
    /// so far, and counts patience.
    fn evaluate_if_due(&mut self) -> Result<(), Error> {
        let step = self.state.step;
        let is_due = step > self.state.evaluated && self.evaluates_at(step);
        if !is_due || self.dev.rows.is_empty() {
            return Ok(());
        }
        let averaged = self.average.values();
        let own = averaged.map(|values| std::mem::replace(&mut self.store.values, values));
        let evaluation = self.score_dev(own.is_some());
        let averaged = own.map(|own| std::mem::replace(&mut self.store.values, own));
        let evaluation = evaluation?;
        let learning_rate = self.schedule.rate(step.saturating_sub(1));
        self.finite("dev loss", evaluation.loss, step, learning_rate)?;
        self.state.evaluated = step;
        self.log.append(&TrainEvent {
            step: self.state.step,
            epoch: self.epochs_done(),
            dev_loss: Some(evaluation.loss),
            dev_mcc: evaluation.mcc,
            seconds: Some(self.state.seconds),
            ..TrainEvent::default()
        })?;
        if self.state.step < self.select_from {
            return Ok(());
        }
        let score = match (self.config.select_by, evaluation.mcc) {
            (SelectBy::Last, _) => self.state.step as f64,
            (SelectBy::Mcc, Some(mcc)) => self.smoothed(mcc),
            (SelectBy::Mcc, None) | (SelectBy::Loss, _) => self.smoothed(-evaluation.loss),
        };
        if self.state.best.is_none_or(|(_, best)| score > best) {
            self.state.best = Some((self.state.step, score));
            self.state.since_best = 0;
            let values = averaged.unwrap_or_else(|| self.store.values.clone());
            self.best = Some((values, self.live()));
        } else {
            self.state.since_best += 1;
            let patience = self.config.patience.map(|n| u64::from(n.get()));
            self.state.stopped = patience.is_some_and(|p| self.state.since_best >= p);
        }
        Ok(())
    }

    /// The mean of the last scores, `score` among them.
    fn smoothed(&mut self, score: f64) -> f64 {
        let scores = &mut self.state.scores;
        if scores.len() >= self.config.select_window.get() as usize {
            scores.remove(0);
        }
        scores.push(score);
        scores.iter().sum::<f64>() / scores.len() as f64
    }

    /// The triplets that are exported; none without rank adaptation.
    fn live(&self) -> Vec<bool> {
        let live = self.allocator.as_deref().map(RankAdaptation::live);
        live.unwrap_or_default().to_vec()
    }

    /// Evaluates the store's values on dev. Of averaged ones the triplets that would not be exported take no part: their
    /// mean need not be zero where the last value is.
    fn score_dev(&mut self, averaged: bool) -> Result<Evaluation, Error> {
        let size = EVALUATION_BATCH.max(self.config.batch.get() as usize);
        let live = self.allocator.as_deref().and_then(|a| match averaged {
            true => Some(a.live()),
            false => a.scored(),
        });
        let uploaded = self.network.upload(&self.store, live, false)?;
        if self.reader.masking.is_some() {
            return self.score_hidden(&uploaded, size);
        }
        let mut predicted = self.predict(&uploaded, View::GIVEN, size)?;
        if self.both_strands {
            let other = self.predict(&uploaded, View::REVERSE, size)?;
            predicted
                .iter_mut()
                .zip(other)
                .for_each(|(a, b)| *a = (*a + b) / 2.0);
        }
        let labels: Vec<_> = self.dev.rows.iter().map(|r| &r.label).collect();
        let outputs = self.network.outputs();
        let (predicted, outputs) = self.objective.evaluated(predicted, outputs, &labels);
        Ok(Evaluation {
            loss: mean_loss(&predicted, outputs, &labels, &self.objective.targets),
            mcc: matthews_corrcoef(&predicted, outputs, &labels),
        })
    }

    /// The mean loss of the tokens of dev that are asked for.
    fn score_hidden(&self, uploaded: &N::Uploaded, size: usize) -> Result<Evaluation, Error> {
        let (mut loss, mut count) = (0.0, 0);
        // Every token of a row may be asked for, each with logits of its own.
        let lengths = self.dev.lengths();
        let longest = lengths.iter().copied().max().unwrap_or(1);
        let of_a_row = longest * self.network.outputs();
        let size = size.min(MOST_LOGITS / of_a_row.max(1)).max(1);
        for indices in evaluation_batches(&lengths, size) {
            if self.stop.is_raised() {
                return Err(Error::Stopped);
            }
            let inputs = self.reader.inputs(&self.dev, &indices)?;
            let labels = labels_of(&inputs, &self.dev, &indices, self.reader.masking);
            if labels.is_empty() {
                continue;
            }
            let logits = self.network.predict(&self.store, uploaded, &inputs)?;
            let (outputs, targets) = (self.network.outputs(), &self.objective.targets);
            loss += mean_loss(&logits, outputs, &labels, targets) * labels.len() as f64;
            count += labels.len();
        }
        Ok(Evaluation {
            loss: loss / count.max(1) as f64,
            mcc: None,
        })
    }

    /// Logits of all rows of dev, one after another.
    fn predict(&self, uploaded: &N::Uploaded, view: View, size: usize) -> Result<Vec<f32>, Error> {
        predict_with(
            &self.network,
            &self.store,
            uploaded,
            &self.dev,
            &self.reader.seen(view),
            size,
            self.stop,
        )
    }

    /// Writes the training checkpoint, unless it is there.
    ///
    /// # Errors
    /// A file cannot be written; [`Error::NotFinite`], so that the checkpoints before it stay.
    pub fn save(&mut self) -> Result<(), Error> {
        let step = self.state.step;
        // The evaluation behind the step may have come since.
        if self.checkpoints.has(step) && self.saved_evaluation == Some(self.state.evaluated) {
            return Ok(());
        }
        if let Some(&value) = self.store.values.iter().find(|v| !v.is_finite()) {
            let learning_rate = self.schedule.rate(step.saturating_sub(1));
            self.finite("trained value", f64::from(value), step, learning_rate)?;
        }
        self.log.sync()?;
        self.state.logged = self.log.lines();
        self.state.dropout = self.dropout.counter;
        let rank = self.allocator.as_ref().map(|a| a.state());
        self.state.sampling = rank.as_ref().map_or(0, |s| s.position);
        let vectors = Vectors {
            values: self.store.values.clone(),
            first_moments: self.store.first_moments.clone(),
            second_moments: self.store.second_moments.clone(),
            average: self.average.kept.clone(),
            rank,
            best: None,
        };
        let state = to_file(&self.state, vectors).map_err(|problem| {
            lingo_artifact::Error::invalid(self.checkpoints.folder(), problem)
        })?;
        // Without an evaluation, the average at the end.
        let best_step = self.state.best.map_or(step, |(step, _)| step);
        let best = self.best.as_ref();
        let best = best.map(|(values, live)| (best_step, || best_to_file(values, live)));
        self.checkpoints.write(step, &state, best)?;
        self.saved_evaluation = Some(self.state.evaluated);
        Ok(())
    }

    /// Takes up the newest good checkpoint of this run, where there is one; whether it did.
    ///
    /// # Errors
    /// See [`Checkpoints::read`].
    pub fn resume(&mut self) -> Result<bool, Error> {
        let (length, progress) = (self.store.len(), self.progress);
        let say = |text: &str| progress.say(text);
        let found = self
            .checkpoints
            .read(&say, |found| of_found(found, length))?;
        let Some((state, vectors)) = found else {
            self.log.keep(0)?;
            return Ok(false);
        };
        self.store.values = vectors.values;
        self.store.first_moments = vectors.first_moments;
        self.store.second_moments = vectors.second_moments;
        self.store.steps = state.step;
        self.best = vectors.best;
        self.average.kept = vectors.average;
        self.dropout.counter = state.dropout;
        if let (Some(allocator), Some(state)) = (&mut self.allocator, vectors.rank) {
            let broken = |problem| Error::Adapter {
                path: self.checkpoints.folder().to_owned(),
                problem,
            };
            allocator.restore(state).map_err(broken)?;
        }
        self.state = state;
        self.saved_evaluation = Some(self.state.evaluated);
        let there = self.log.keep(self.state.logged)?;
        if there < self.state.logged {
            say(&format!(
                "warning: train.jsonl has lost {} lines of the steps before the checkpoint",
                self.state.logged - there
            ));
        }
        Ok(true)
    }
}

/// Logits of rows, one after another.
///
/// # Errors
/// [`Error::Stopped`] once `stop` is raised; as [`Net::predict`] and [`Reader::input`].
pub(crate) fn predict_with<N: Net>(
    network: &N,
    store: &ParameterStore,
    uploaded: &N::Uploaded,
    rows: &Rows,
    reader: &Reader,
    size: usize,
    stop: &StopFlag,
) -> Result<Vec<f32>, Error> {
    let outputs = network.outputs();
    let mut all = vec![0.0f32; rows.rows.len() * outputs];
    for indices in evaluation_batches(&rows.lengths(), size) {
        if stop.is_raised() {
            return Err(Error::Stopped);
        }
        let inputs = reader.inputs(rows, &indices)?;
        let mut values = network.predict(store, uploaded, &inputs)?;
        add_beside(&mut values, &inputs);
        for (&i, row) in indices.iter().zip(values.chunks(outputs)) {
            all[i * outputs..(i + 1) * outputs].copy_from_slice(row);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
