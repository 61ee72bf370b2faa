//! The flags of `taggant audit`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use taggant_audit::plan::Role;
use taggant_verify::TestName;
use taggant_verify::audit_result::Origin;

use crate::args::{FormatArg, InputFormatArg, MOST_COLUMNS};

/// Tests whether a model was trained on marked output.
#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    Plan(Box<AuditPlanArgs>),
    Run(Box<AuditRunArgs>),
}

/// Writes what an audit will test and how, before anyone looks.
///
/// The plan holds the digests of profile and files, the ids of the keys and commitments to them, the test, its level and
/// how files are read; `audit run --plan` refuses to deviate from it. No key looks at any text. A plan shows what was fixed
/// and not when: give its digest to somebody who keeps time.
///
/// Without --statistic it names the first of the default order (see `audit run`) that can be made of what is given; of answers
/// to come nobody knows whether they will have log-probs, so that an open-* test on them has to be named.
#[derive(Args, Debug)]
pub(crate) struct AuditPlanArgs {
    /// What the suspect wrote, or read (see --origin), if it exists: files, folders or patterns. Repeatable.
    #[arg(long, value_name = "INPUT")]
    pub(crate) suspect: Vec<String>,
    /// Says that files of this role do not exist yet: any are accepted later, at least one, and the report gives their
    /// digests. Repeatable.
    #[arg(long, value_enum, value_name = "ROLE")]
    pub(crate) to_come: Vec<ToComeArg>,
    #[command(flatten)]
    pub(crate) mark: AuditMarkArgs,
    #[command(flatten)]
    pub(crate) materials: MaterialArgs,
    #[command(flatten)]
    pub(crate) reading: AuditReadingArgs,
    #[command(flatten)]
    pub(crate) test: AuditTestArgs,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    /// Where and when the commitments were published, in your words. Nothing checks it; without it the report says so.
    #[arg(long, value_name = "TEXT")]
    pub(crate) published: Option<String>,
    /// The file to write. One that exists is never overwritten.
    #[arg(long, value_name = "PLAN.json")]
    pub(crate) output: PathBuf,
}

/// Audits a suspect model from what it wrote, from its log-probs, or both.
///
/// Answers are rows of jsonl with `text` or `tokens`, best with the `prompt` or `prompt_tokens` that was asked, and where
/// the model gives them `logprobs`. One test decides, named by the plan or --statistic, or else the first that can be made
/// of: open-paired, score-served, score-familiar, score, open-mass, count-served, count-familiar, count. The others are shown.
#[derive(Args, Debug)]
pub(crate) struct AuditRunArgs {
    /// What the suspect wrote, or read (see --origin): files, folders or patterns. Repeatable.
    #[arg(long, value_name = "INPUT", required_unless_present_any = ["endpoint", "plan"], conflicts_with = "endpoint")]
    pub(crate) suspect: Vec<String>,
    /// The plan that was fixed before looking, as `audit plan` writes it. Its terms stand in for flags that are not given; a
    /// flag or a file that differs from it is refused, and nothing is tested.
    #[arg(long, value_name = "PLAN.json")]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) mark: AuditMarkArgs,
    #[command(flatten)]
    pub(crate) materials: MaterialArgs,
    #[command(flatten)]
    pub(crate) reading: AuditReadingArgs,
    #[command(flatten)]
    pub(crate) test: AuditTestArgs,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Says the verdict in the exit status: 1 evidence, 4 inconclusive, 5 invalid.
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) format: FormatArg,
    /// Writes the report to a file too: .json, .md, .html or .txt. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
}

/// Under which key or keys.
#[derive(Args, Debug)]
pub(crate) struct AuditMarkArgs {
    /// The public profile, TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: PathBuf,
    /// The secret key: a file, or env:NAME for an environment variable. With --cohorts that of one of them, whose report
    /// it becomes [default with --cohorts: that of the first flagged one].
    #[arg(long, value_name = "FILE|env:NAME", required_unless_present = "cohorts")]
    pub(crate) key: Option<String>,
    /// Several deployed keys: JSON or TOML with a list `cohorts` of {name, key, flagged, and where they are known exposure,
    /// volume, served, profile}. Each key is tested alike, and flagged cohorts are contrasted with the others.
    #[arg(long, value_name = "FILE")]
    pub(crate) cohorts: Option<PathBuf>,
}

/// What stands beside the suspect.
#[derive(Args, Debug)]
pub(crate) struct MaterialArgs {
    /// The log of what was served: adds tests on its contexts. It must be all that was served, or a part chosen without
    /// regard to what was written. Repeatable.
    #[arg(long, value_name = "INPUT")]
    pub(crate) served: Vec<String>,
    /// Unmarked text of the same teacher: adds tests on its contexts, which no key had a part in. Repeatable.
    #[arg(long, value_name = "INPUT")]
    pub(crate) familiar: Vec<String>,
    /// A model that centres the score: rows with `logprobs` over the suspect's own tokens, or plain text or tokens of an
    /// unmarked model, on which an n-gram model is fitted. Each is one reference, weighed by how likely it makes the
    /// suspect's text. Repeatable.
    #[arg(long, value_name = "INPUT")]
    pub(crate) reference: Vec<String>,
    /// What a model wrote that is known to be innocent: shown beside the suspect. Each is one model. Repeatable.
    #[arg(long, value_name = "INPUT")]
    pub(crate) control: Vec<String>,
}

/// How files are read: what a plan fixes.
#[derive(Args, Debug)]
pub(crate) struct AuditReadingArgs {
    /// What turns text into tokens: a tokenizer.json, or `embedded` for that of `generate`.
    #[arg(long, value_name = "FILE|embedded")]
    pub(crate) tokenizer: Option<String>,
    /// The tokenizer that the suspect's own `tokens` and `logprobs` are in, where it is not that of the mark: positions where
    /// both begin a token at the same byte are read, and the report says which share. Needs --tokenizer.
    #[arg(long, value_name = "FILE|embedded", requires = "tokenizer")]
    pub(crate) suspect_tokenizer: Option<String>,
    /// The jsonl field with the text [default: text].
    #[arg(long, value_name = "NAME")]
    pub(crate) text_field: Option<String>,
    /// The jsonl field with the tokens; it wins when a row has both [default: tokens].
    #[arg(long, value_name = "NAME")]
    pub(crate) tokens_field: Option<String>,
    /// The row field with the log-probs [default: logprobs].
    #[arg(long, value_name = "NAME")]
    pub(crate) logprobs_field: Option<String>,
    /// Drops log-probs of tokens less likely than this on reading, which bounds the memory [default: 1e-5].
    #[arg(long, value_name = "P")]
    pub(crate) least_p: Option<f64>,
    /// The format of every input, where the name does not tell.
    #[arg(long, value_enum)]
    pub(crate) input_format: Option<InputFormatArg>,
    /// Counts bad lines and goes on, instead of stopping at the first.
    #[arg(long)]
    pub(crate) skip_bad: bool,
}

/// What is tested and how: what a plan fixes.
#[derive(Args, Debug)]
pub(crate) struct AuditTestArgs {
    /// Whether the suspect wrote the tokens or only read them [default: suspect].
    #[arg(long, value_enum)]
    pub(crate) origin: Option<OriginArg>,
    /// The test that the verdict rests on.
    #[arg(long, value_name = "NAME", value_parser = test_name)]
    pub(crate) statistic: Option<TestName>,
    /// The level of the verdict, and of each key of cohorts after Holm over all of them [default: 1e-6].
    #[arg(long, value_name = "A")]
    pub(crate) alpha: Option<f64>,
    /// The effect, in standard deviations of one value, that `no-evidence` must have been able to see [default: 0.1].
    #[arg(long, value_name = "EFFECT")]
    pub(crate) min_effect: Option<f64>,
    /// How many runs like this one share alpha, this one included: keys, suspects or statistics tried. The keys of --cohorts
    /// are counted without it [default: 1].
    #[arg(long, value_name = "N")]
    pub(crate) hypotheses: Option<NonZeroU64>,
    /// Fresh secrets, through the real pseudorandom function, that stand beside the result as a check; 0 for none [default:
    /// 200].
    #[arg(long, value_name = "N")]
    pub(crate) decoys: Option<u64>,
    /// Simulated keys that stand beside the result as a picture; 0 for none [default: 10000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST_COLUMNS))]
    pub(crate) columns: Option<u64>,
    /// The level of the permutation p of cohorts. One that they cannot reach is refused before looking [default: 0.01].
    #[arg(long, value_name = "A", requires = "cohorts")]
    pub(crate) cohort_level: Option<f64>,
}

/// Where the tokens of --suspect came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OriginArg {
    /// The suspect wrote them.
    Suspect,
    /// The suspect read them, and no key had a part in them: human text, or another model's.
    KeyFree,
    /// The suspect read them, and they may carry the mark: a context counts where it comes first.
    Marked,
}

impl From<OriginArg> for Origin {
    fn from(origin: OriginArg) -> Self {
        match origin {
            OriginArg::Suspect => Self::Suspect,
            OriginArg::KeyFree => Self::KeyFree,
            OriginArg::Marked => Self::Marked,
        }
    }
}

/// Files that a plan may leave to come: those about answers that do not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ToComeArg {
    /// What the suspect will have written or read.
    Suspect,
    /// References: which, and how many, is left open.
    Reference,
    /// What innocent models will have written.
    Control,
    /// What the suspect will be asked.
    Prompts,
}

impl From<ToComeArg> for Role {
    fn from(role: ToComeArg) -> Self {
        match role {
            ToComeArg::Suspect => Self::Suspect,
            ToComeArg::Reference => Self::Reference,
            ToComeArg::Control => Self::Control,
            ToComeArg::Prompts => Self::Prompts,
        }
    }
}

fn test_name(text: &str) -> Result<TestName, String> {
    text.parse().map_err(|error: taggant_verify::Error| error.to_string())
}

/// What is asked of a live suspect: what a plan fixes.
#[derive(Args, Debug)]
pub(crate) struct AskArgs {
    /// Asks a live model: the base URL of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1. Needs --model,
    /// --prompts and --tokenizer.
    #[arg(long, value_name = "URL", conflicts_with = "suspect")]
    pub(crate) endpoint: Option<String>,
    /// The model's name there.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// What to ask: rows with `prompt`. Repeatable.
    #[arg(long, value_name = "INPUT")]
    pub(crate) prompts: Vec<String>,
    /// Which of the server's interfaces is asked [default: chat].
    #[arg(long, value_enum)]
    pub(crate) api: Option<ApiArg>,
    /// The longest answer, in the server's tokens [default: 300].
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u64>,
    /// The temperature; without it the server's own.
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f64>,
    /// The nucleus; without it the server's own.
    #[arg(long, value_name = "P")]
    pub(crate) top_p: Option<f64>,
    /// Sends a seed with each question, this number and one more each time.
    #[arg(long, value_name = "N")]
    pub(crate) sampling_seed: Option<u64>,
    /// Asks for so many log-probs at each token.
    #[arg(long, value_name = "N")]
    pub(crate) top_logprobs: Option<u8>,
    /// At most so many tokens of answers, as the server counts them, over all runs with one log; of answers in files, as the
    /// mark's tokenizer does.
    #[arg(long, value_name = "N")]
    pub(crate) budget_tokens: Option<NonZeroU64>,
    /// At most so many answers.
    #[arg(long, value_name = "N")]
    pub(crate) budget_queries: Option<NonZeroU64>,
    /// Ends as soon as the evidence suffices. Then p is the bound of an e-value, and tests for which none holds are left out.
    #[arg(long)]
    pub(crate) stop_early: bool,
}

/// How a live suspect is reached: what a plan leaves open.
#[derive(Args, Debug)]
pub(crate) struct ServerArgs {
    /// Where every answer of a live suspect is kept as it came. Run again with the same log, what was answered is not asked
    /// again.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Writes the answers of a live suspect as rows of jsonl too, {id, prompt, text} without log-probs: for a reference to read,
    /// or another test.
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,
    /// Where the server's key is: an environment variable.
    #[arg(long, value_name = "env:NAME")]
    pub(crate) endpoint_key: Option<String>,
    /// The field that says how long an answer may be: max-completion-tokens for models that refuse the usual one.
    #[arg(long, value_enum, default_value_t = LimitFieldArg::MaxTokens)]
    pub(crate) limit_field: LimitFieldArg,
    /// Questions under way at once.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) concurrency: usize,
    /// At most so many requests in a minute.
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<u32>,
    /// How often a question is asked again when the server fails.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) retries: u32,
    /// Seconds to wait for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) timeout: u64,
}

/// A field of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LimitFieldArg {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// An interface of an OpenAI-compatible server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApiArg {
    /// `/chat/completions`: each prompt is a user's message.
    Chat,
    /// `/completions`: the model goes on where the prompt ends.
    Completions,
}
