# Records what pROC says of paired ROC curves, for tests/test_statistics.py:
#
#     Rscript tests/record_proc.R tests/data/proc.json
#
# Needs the packages pROC and jsonlite (Debian: r-cran-proc, r-cran-jsonlite). Takes two minutes.

suppressPackageStartupMessages(library(pROC))
permutations <- 10000
set.seed(20190305)

# Scores of two methods that share some of their noise. Fewer levels make more ties; scores of four
# decimals are the same numbers when they are read again.
draw <- function(actives, inactives, effect_a, effect_b, levels = 0, shared = 0.5, missing = 0) {
  labels <- sample(c(rep(1, actives), rep(-1, inactives), rep(0, missing)))
  common <- sqrt(shared) * rnorm(length(labels))
  score <- function(effect) {
    value <- pnorm(effect * (labels == 1) + common + sqrt(1 - shared) * rnorm(length(labels)) - 0.5)
    if (levels) ceiling(value * levels) / levels else value
  }
  list(labels = labels, scores_a = round(score(effect_a), 4), scores_b = round(score(effect_b), 4))
}

constant <- function(case) modifyList(case, list(scores_b = rep(0.5, length(case$labels))))
identical_scores <- function(case) modifyList(case, list(scores_b = case$scores_a))
turned <- function(case) modifyList(case, list(scores_b = 1 - case$scores_a))

cases <- list(
  no_difference = draw(18, 35, 1, 1),
  small_difference = draw(18, 35, 1, 0.5),
  large_difference = draw(18, 35, 2.5, 0),
  b_better = draw(18, 35, 0, 1.5),
  many_samples = draw(50, 100, 1, 0.6),
  few_samples = draw(4, 6, 1, 0),
  two_of_each = draw(2, 2, 1, 0),
  two_actives = draw(2, 40, 1.5, 0),
  two_inactives = draw(30, 2, 1.5, 0),
  mostly_actives = draw(45, 12, 1, 0.2),
  below_chance = draw(20, 30, -1, 0.5),
  missing_labels = draw(15, 25, 1, 0.3, missing = 30),
  correlated = draw(20, 40, 1, 0.4, shared = 0.95),
  unrelated = draw(20, 40, 1, 0.4, shared = 0),
  ties_two_levels = draw(18, 35, 1.5, 0.3, levels = 2),
  ties_three_levels = draw(18, 35, 1, 0.2, levels = 3),
  ties_five_levels = draw(18, 35, 1, 1, levels = 5),
  ties_ten_levels = draw(25, 50, 1.5, 0.5, levels = 10),
  ties_few_samples = draw(5, 7, 1.5, 0, levels = 3),
  ties_missing_labels = draw(12, 30, 1, 0, levels = 4, missing = 20),
  ties_two_actives = draw(2, 30, 1, 0, levels = 4),
  ties_b_better = draw(18, 35, 0, 2, levels = 6),
  b_constant = constant(draw(18, 35, 1, 0)),
  same_scores = identical_scores(draw(18, 35, 1, 0)),
  b_turned = turned(draw(12, 20, 1.5, 0)),
  both_perfect = list(labels = c(-1, -1, -1, 1, 1, 1), scores_a = 1:6 / 10,
                      scores_b = c(3, 2, 1, 6, 5, 4) / 10)
)

record <- lapply(cases, function(case) {
  curve <- function(scores) {
    roc(case$labels, scores, levels = c(-1, 1), direction = "<", quiet = TRUE)
  }
  curves <- list(curve(case$scores_a), curve(case$scores_b))
  compare <- function(...) {
    test <- suppressWarnings(roc.test(curves[[1]], curves[[2]], paired = TRUE, ...))
    list(statistic = unname(test$statistic), pvalue = unname(test$p.value))
  }
  c(case, list(
    auc_a = as.numeric(auc(curves[[1]])),
    auc_b = as.numeric(auc(curves[[2]])),
    delong = compare(method = "delong"),
    venkatraman = compare(method = "venkatraman", boot.n = permutations, progress = "none")
  ))
})

versions <- list(R = R.version.string, pROC = as.character(packageVersion("pROC")))
record <- list(versions = versions, permutations = permutations, cases = record)
# NA stands for 15 digits. A line a case.
text <- jsonlite::toJSON(record, auto_unbox = TRUE, digits = NA)
writeLines(gsub("(\"[a-z_]+\":\\{\"labels\")", "\n\\1", text), commandArgs(TRUE)[1])
