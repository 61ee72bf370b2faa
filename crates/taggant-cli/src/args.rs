//! The flags. One name per idea: those of the profile and the report.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::audit_args::AuditArgs;

/// Marks a language model's output, recognises the mark in text, and tells whether a model was trained on it.
///
/// Results go to stdout, talk to stderr. Secrets are read from a file or an environment variable, never from an
/// argument.
///
/// Exit status: 0 it ran; 1 `selftest` or `report --check` found a difference; 2 usage, configuration or I/O;
/// 3 nothing scorable in the input. With --exit-code, `verify` and `audit run` also say 1 evidence, 4 inconclusive, 5 invalid; with
/// `calibrate --exit-code` 5 if the null does not hold.
#[derive(Debug, Parser)]
#[command(name = "taggant", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Keygen(KeygenArgs),
    Profile(ProfileArgs),
    Generate(GenerateArgs),
    Verify(VerifyArgs),
    Audit(AuditArgs),
    Calibrate(CalibrateArgs),
    Explain(ExplainArgs),
    Report(ReportArgs),
    Selftest(SelftestArgs),
    Plan(PlanArgs),
}

/// The whole chain on embedded text: teacher, marked output, students trained on it, verdicts.
///
/// Trains a teacher on one author, samples it with the mark, trains students on another author's text with 10, 5,
/// 1 and 0 % of the teacher's output mixed in, samples the students and tests what they wrote. Writes report.json and
/// report.html.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// The folder for report.json and report.html; it is made if need be.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Makes everything follow from this number, the key included. Without it both are drawn afresh.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Marks with this key (a file, or env:NAME) instead of a fresh one.
    #[arg(long, value_name = "FILE|env:NAME")]
    pub(crate) key: Option<String>,
    /// Fresh secrets that stand beside each result as a check.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) decoys: u64,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

/// Makes a secret key.
///
/// Writes 64 hexadecimal digits to a new file that only its owner may read, and prints the key's public id.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["output", "show"])))]
pub(crate) struct KeygenArgs {
    /// The file to make. One that exists is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Prints the public id of an existing key instead of making one.
    #[arg(long, value_name = "FILE|env:NAME")]
    pub(crate) show: Option<String>,
}

/// Writes a profile: the public description of a mark.
#[derive(Args, Debug)]
pub(crate) struct ProfileArgs {
    /// Prints the digest and canonical JSON of an existing profile instead of writing one.
    #[arg(long, value_name = "PROFILE", exclusive = true)]
    pub(crate) show: Option<PathBuf>,
    /// How the mark is made: a biased green list, or the keyed draws Gumbel-max and tournament.
    #[arg(long, value_enum, default_value_t = SchemeArg::Green)]
    pub(crate) scheme: SchemeArg,
    /// How many tokens before the scored one the mark depends on, 1 to 12.
    #[arg(long, value_name = "K", default_value_t = 2)]
    pub(crate) context_width: u64,
    /// The green share: j/2, j/4, j/16 or j/256 [default: 1/4; green only].
    #[arg(long, value_name = "J/N")]
    pub(crate) gamma: Option<String>,
    /// What green tokens gain, in nats [default: 2; green only].
    #[arg(long, value_name = "NATS")]
    pub(crate) delta: Option<f64>,
    /// How many layers, 1 to 32 [default: 30; tournament only].
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<u64>,
    /// The period in which one set of derived keys is in use.
    #[arg(long, value_name = "NAME", default_value = "epoch-1")]
    pub(crate) epoch: String,
    /// What becomes of a context that was already used in the same completion.
    #[arg(long, value_enum, default_value_t = RepeatRuleArg::Completion)]
    pub(crate) repeat_rule: RepeatRuleArg,
    /// States the tokenizer the mark is about: a tokenizer.json, or `embedded`.
    #[arg(long, value_name = "FILE|embedded")]
    pub(crate) tokenizer: Option<String>,
    /// A channel and its share in 256ths; `:accounts` if it carries accounts. Repeatable [default: fleet:256].
    #[arg(long, value_name = "NAME:SHARE[:accounts]")]
    pub(crate) channel: Vec<String>,
    /// The file to write; without it the profile goes to stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemeArg {
    Green,
    Gumbel,
    Tournament,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RepeatRuleArg {
    Completion,
    None,
}

/// Samples the embedded model, with or without a mark, to jsonl {id, tokens, text}.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) mark: OptionalMarkArgs,
    /// Tokens in each document.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(..=MOST_TOKENS))]
    pub(crate) tokens: u32,
    /// Documents.
    #[arg(long, value_name = "M", default_value_t = 10)]
    pub(crate) documents: u64,
    /// Everything that is random follows from this number and the key.
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Whose text the model is trained on.
    #[arg(long, value_enum, default_value_t = AuthorArg::Austen)]
    pub(crate) author: AuthorArg,
    /// Divides the logits; 0 always takes the largest.
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    pub(crate) temperature: f64,
    /// Keeps the N most probable tokens; 0 keeps all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) top_k: usize,
    /// Keeps the fewest tokens whose probabilities sum to P.
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub(crate) top_p: f64,
    /// Keeps tokens at least P times as probable as the most probable one.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub(crate) min_p: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuthorArg {
    Austen,
    Spurgeon,
}

/// Tests whether text carries a mark.
///
/// INPUT is a file, a folder, a pattern, or `-`. A jsonl row holds `tokens` (ids), or `text` (with --tokenizer); a
/// .txt file is one document; gzip is unpacked. Each distinct (context, token) counts once over all inputs.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Files, folders, patterns, or - for standard input.
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<String>,
    #[command(flatten)]
    pub(crate) mark: MarkArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// Adds a test on contexts that were served: the log, as a corpus. It must be all that was served, or a part
    /// chosen without regard to what was written. Repeatable.
    #[arg(long, value_name = "INPUT")]
    pub(crate) served: Vec<String>,
    /// Adds a test in which each (context, token) counts by the largest weight of its occurrences: a jsonl field with
    /// a number for each token, computed without the key (from the entropy under a model, say).
    #[arg(long, value_name = "NAME")]
    pub(crate) weights_field: Option<String>,
    /// The level of the verdict.
    #[arg(long, value_name = "A", default_value = "1e-6")]
    pub(crate) alpha: f64,
    /// The effect, in standard deviations of one value, that `no-evidence` must have been able to see.
    #[arg(long, value_name = "EFFECT", default_value_t = 0.1)]
    pub(crate) min_effect: f64,
    /// How many runs like this one share alpha, this one included: keys, profiles or weights tried on the same text. Every
    /// adjusted p is multiplied by it.
    #[arg(long, value_name = "N", default_value_t = std::num::NonZeroU64::MIN)]
    pub(crate) hypotheses: std::num::NonZeroU64,
    /// Adds a result for each document, de-duplicated within itself and adjusted by Holm, and where in it the mark is.
    #[arg(long)]
    pub(crate) per_document: bool,
    /// Fresh secrets, through the real pseudorandom function, that stand beside the result as a check; 0 for none,
    /// and one alone, which has no spread, is none.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) decoys: u64,
    /// Simulated keys that stand beside the result as a picture; 0 for none, and one alone is none.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(..=MOST_COLUMNS))]
    pub(crate) columns: u64,
    /// Says the verdict in the exit status: 1 evidence, 4 inconclusive, 5 invalid.
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
    /// Writes the report to a file too: .json, .md, .html or .txt. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
}

/// Shows the null on your own text: what the test says of it under thousands of random keys.
///
/// No key of yours is needed: every key is fresh and has nothing to do with the text, marked or not. So p must be uniform, z
/// must have mean 0 and standard deviation 1, and p must fall below alpha as often as alpha says; the table says what could
/// happen by chance. It tests the test on text like yours, repeats and all; it does not say whether the text is marked.
#[derive(Args, Debug)]
pub(crate) struct CalibrateArgs {
    /// Files, folders, patterns, or - for standard input.
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<String>,
    /// The public profile, TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: PathBuf,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// How many random keys.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    pub(crate) keys: u64,
    /// Calibrates the test on served contexts: a log, as a corpus, of text marked under none of these keys. That a log of the
    /// tested key itself does no harm is not shown so; docs/calibration.md measures it.
    #[arg(long, value_name = "INPUT")]
    pub(crate) served: Vec<String>,
    /// Says whether the null holds in the exit status: 5 if it does not.
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// What goes to stdout.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// Shows how a text is read, token by token: context, value, and counted or why not.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// Files, folders, patterns, or - for standard input.
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<String>,
    #[command(flatten)]
    pub(crate) mark: MarkArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// The document to show, by its id; without it the first.
    #[arg(long, value_name = "ID")]
    pub(crate) document: Option<String>,
    /// What goes to stdout.
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

/// A rendering of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Table,
    Json,
}

/// How input is read.
#[derive(Args, Debug)]
pub(crate) struct ReadingArgs {
    /// What turns text into tokens: a tokenizer.json, or `embedded` for that of `generate`.
    #[arg(long, value_name = "FILE|embedded")]
    pub(crate) tokenizer: Option<String>,
    /// The jsonl field with the text.
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub(crate) text_field: String,
    /// The jsonl field with the tokens; it wins when a row has both.
    #[arg(long, value_name = "NAME", default_value = "tokens")]
    pub(crate) tokens_field: String,
    /// The format of every input, where the name does not tell.
    #[arg(long, value_enum)]
    pub(crate) input_format: Option<InputFormatArg>,
    /// Counts bad lines and goes on, instead of stopping at the first.
    #[arg(long)]
    pub(crate) skip_bad: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormatArg {
    Txt,
    Jsonl,
}

/// Renders a saved report again, or recomputes every number that follows from its counts.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// A report.json, or - for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Recomputes every p-value from the counts; exit status 1 if one differs.
    #[arg(long, conflicts_with_all = ["format", "output"])]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
    /// Writes the report to a file too: .json, .md, .html or .txt. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
}

/// Checks this build against golden vectors; exit status 1 if a case differs.
#[derive(Args, Debug)]
pub(crate) struct SelftestArgs {
    /// Vector files.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) vectors: Vec<PathBuf>,
}

/// A mark that has to be given.
#[derive(Args, Debug)]
pub(crate) struct MarkArgs {
    /// The public profile, TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: PathBuf,
    /// The secret key: a file, or env:NAME for an environment variable.
    #[arg(long, value_name = "FILE|env:NAME")]
    pub(crate) key: String,
}

/// A mark that may be left out.
#[derive(Args, Debug)]
pub(crate) struct OptionalMarkArgs {
    /// The public profile, TOML. Without it nothing is marked.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) profile: Option<PathBuf>,
    /// The secret key: a file, or env:NAME for an environment variable.
    #[arg(long, value_name = "FILE|env:NAME", requires = "profile")]
    pub(crate) key: Option<String>,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct FormatArg {
    /// What goes to stdout.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// Tokens of the longest document that `generate` writes: beyond any completion, and it still fits memory.
const MOST_TOKENS: i64 = 10_000_000;

/// Simulated keys of a report: a million columns take the memory of a large corpus.
pub(crate) const MOST_COLUMNS: u64 = 1_000_000;

/// A rendering of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Md,
    Html,
}

/// How many tokens or queries a claim needs, or what effect a number of tokens can show.
///
/// The effect is the excess of the mark in the text under test, the same at every input; it is not the marked share of
/// what a model was trained on. Needs no key.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("asked").required(true).args(["effect", "excess", "tokens"])))]
pub(crate) struct PlanArgs {
    /// The public profile, TOML, instead of --scheme.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scheme", "gamma", "depth"])]
    pub(crate) profile: Option<PathBuf>,
    /// How the mark is made [default: green].
    #[arg(long, value_enum)]
    pub(crate) scheme: Option<SchemeArg>,
    /// The green share: j/2, j/4, j/16 or j/256 [default: 1/4; green only].
    #[arg(long, value_name = "J/N")]
    pub(crate) gamma: Option<String>,
    /// How many layers, 1 to 32 [default: 30; tournament only].
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<u64>,
    /// The effect to see, in standard deviations of one value.
    #[arg(long, value_name = "SD")]
    pub(crate) effect: Option<f64>,
    /// The effect as an excess for each distinct input: green tokens, nats or one-bits beyond those of unmarked text.
    #[arg(long, value_name = "RATE")]
    pub(crate) excess: Option<f64>,
    /// Asks what effect so many tokens can show.
    #[arg(long, value_name = "N")]
    pub(crate) tokens: Option<u64>,
    /// The level of the claim, over all hypotheses.
    #[arg(long, value_name = "A", default_value = "1e-6")]
    pub(crate) alpha: f64,
    /// The probability of seeing the effect, 0.5 to 0.99.
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    pub(crate) power: f64,
    /// How many tests share the claim: keys, profiles, channels, suspects.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) hypotheses: NonZeroU64,
    /// Tokens in an answer to one query.
    #[arg(long, value_name = "N", default_value = "300")]
    pub(crate) answer_tokens: NonZeroU64,
    /// Distinct inputs for each token. 0.74 was found for context width 2 in 142,000 tokens; it falls as the text grows.
    #[arg(long, value_name = "SHARE", default_value_t = 0.74)]
    pub(crate) unique_share: f64,
    /// Adds what a score statistic with a reference model needs: the mean of 1 - sum p(x)^2 over positions.
    #[arg(long, value_name = "SHARE")]
    pub(crate) informative_share: Option<f64>,
    /// What goes to stdout.
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) format: PlanFormat,
}

/// A rendering of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    Table,
    Json,
}
