#!/usr/bin/env Rscript
# Reads the folder of a run: its scores with base R, its predictions with arrow or nanoparquet.
#
#   Rscript read_run.R runs/demo
#
# Prints each method's mean test score on each task. With one of the two packages it computes the Matthews correlation of
# every finished cell of a task with classes again, and stops where it differs by more than 1e-9.

run <- commandArgs(trailingOnly = TRUE)
if (length(run) != 1) stop("usage: Rscript read_run.R RUN")

# metrics.csv: a row for each finished cell and split; empty where a number is undefined.
metrics <- read.csv(file.path(run, "metrics.csv"), check.names = FALSE)
test <- metrics[metrics$split == "test", ]
judged <- ifelse(is.na(test$pearson), "mcc", "pearson")
test$score <- ifelse(judged == "mcc", test$mcc, test$pearson)
if (nrow(test) > 0) {
  means <- aggregate(score ~ task + method, data = test, FUN = mean, na.action = na.pass)
  seeds <- aggregate(seed ~ task + method, data = test, FUN = length)
  print(merge(means, seeds), row.names = FALSE, digits = 6)
} else {
  cat("no finished cell\n")
}

# trace.tsv: time and memory of each cell; `-` where nothing was recorded.
trace <- read.delim(file.path(run, "trace.tsv"), na.strings = "-", check.names = FALSE)
cat(sprintf("%d cells, %d completed\n", nrow(trace), sum(trace$status == "COMPLETED")))

read_parquet <- if (requireNamespace("arrow", quietly = TRUE)) {
  function(path) as.data.frame(arrow::read_parquet(path))
} else if (requireNamespace("nanoparquet", quietly = TRUE)) {
  function(path) as.data.frame(nanoparquet::read_parquet(path))
}

# The Matthews correlation of classes (Gorodkin 2004), as scikit-learn has it; 0 where it is not defined.
mcc <- function(truth, predicted) {
  classes <- sort(unique(c(truth, predicted)))
  counts <- table(factor(truth, classes), factor(predicted, classes))
  n <- as.numeric(sum(counts))
  of_truth <- rowSums(counts)
  of_predicted <- colSums(counts)
  covariance <- function(x, y) n * n - sum(x * y)
  spread <- sqrt(covariance(of_truth, of_truth)) * sqrt(covariance(of_predicted, of_predicted))
  if (spread == 0) return(0)
  (n * sum(diag(counts)) - sum(of_truth * of_predicted)) / spread
}

# 48 and 47 of 50 right: 2250 / sqrt(49 * 50 * 50 * 51).
stopifnot(abs(mcc(rep(c(0, 1), c(50, 50)), rep(c(0, 1, 1, 0), c(48, 2, 47, 3))) - 2250 / sqrt(49 * 50 * 50 * 51)) < 1e-12)

if (is.null(read_parquet)) {
  message("LEFT OUT: predictions.parquet, because neither arrow nor nanoparquet is installed")
  quit(status = 0)
}

compared <- 0
for (i in seq_len(nrow(metrics))) {
  row <- metrics[i, ]
  if (is.na(row$mcc)) next
  cell <- file.path(run, row$task, row$method, paste0("seed-", row$seed))
  # What is above a threshold chosen on dev is not told by logits alone.
  if (file.exists(file.path(cell, "adapter", "thresholds.json"))) next
  predictions <- read_parquet(file.path(cell, "predictions.parquet"))
  predictions <- predictions[predictions$split == row$split, ]
  if (is.list(predictions$label)) next
  predicted <- vapply(predictions$logits, which.max, 1L) - 1L
  ours <- mcc(as.integer(predictions$label), predicted)
  if (abs(ours - row$mcc) > 1e-9) stop(sprintf("%s: MCC %.9f, metrics.csv says %.9f", cell, ours, row$mcc))
  compared <- compared + 1
}
cat(sprintf("%d scores computed again, all as in metrics.csv\n", compared))
