//! In what a run deviates from a plan.

use std::collections::BTreeSet;
use std::fmt;

use crate::digest::Digest;
use crate::document::quoted;
use crate::plan::file::{PlannedFile, Role};
use crate::plan::reading::Reading;
use crate::plan::terms::{Endpoint, PlannedKey, PlannedReference, Terms};

/// One thing in which a run deviates from its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deviation {
    /// What differs: a field, or a file by role and name.
    pub field: String,
    /// What the plan says.
    pub planned: String,
    /// What the run has.
    pub found: String,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the plan says {}, this run {}", self.field, self.planned, self.found)
    }
}

/// Everything in which a run deviates from a plan, in the order of the plan's fields.
pub(crate) fn differences(plan: &Terms, run: &Terms) -> Vec<Deviation> {
    // Every field by name, so that a new one cannot be forgotten.
    let Terms {
        schema_version,
        tool,
        dialect,
        profile_digest,
        keys,
        statistic,
        origin,
        references,
        filters,
        alpha,
        min_effect,
        hypotheses,
        decoys,
        columns,
        sequential,
        budget,
        endpoint,
        cohort_level,
        reading,
        files,
        to_come,
    } = plan;
    let mut found = Differences::default();
    found.value("schema_version", schema_version, &run.schema_version, u64::to_string);
    found.value("tool", tool, &run.tool, String::clone);
    found.value("dialect", dialect, &run.dialect, String::clone);
    found.value("profile_digest", profile_digest, &run.profile_digest, short);
    found.keys(keys, &run.keys);
    found.value("statistic", statistic, &run.statistic, ToString::to_string);
    found.value("origin", origin, &run.origin, |origin| origin.as_str().to_owned());
    let is_open = references.is_empty() && to_come.contains(&Role::Reference);
    if !is_open {
        found.references(references, &run.references);
    }
    found.value("filters", filters, &run.filters, words);
    found.value("alpha", alpha, &run.alpha, number);
    found.value("min_effect", min_effect, &run.min_effect, number);
    found.value("hypotheses", hypotheses, &run.hypotheses, ToString::to_string);
    found.value("decoys", decoys, &run.decoys, u64::to_string);
    found.value("columns", columns, &run.columns, u64::to_string);
    found.value("sequential", sequential, &run.sequential, bool::to_string);
    found.value("budget.tokens", &budget.tokens, &run.budget.tokens, |n| or("no limit", n, u64::to_string));
    found
        .value("budget.queries", &budget.queries, &run.budget.queries, |n| or("no limit", n, u64::to_string));
    found.endpoint(endpoint.as_ref(), run.endpoint.as_ref());
    found.value("cohort_level", cohort_level, &run.cohort_level, |level| or("none", level, number));
    found.reading(reading, &run.reading);
    found.files(files, to_come, run);
    found.0
}

#[derive(Default)]
struct Differences(Vec<Deviation>);

impl Differences {
    fn value<T: PartialEq>(&mut self, field: &str, planned: &T, found: &T, show: impl Fn(&T) -> String) {
        if planned != found {
            self.push(field.to_owned(), show(planned), show(found));
        }
    }

    fn keys(&mut self, planned: &[PlannedKey], found: &[PlannedKey]) {
        for pair in unmatched(planned, found, PartialEq::eq, |key| &key.key_id) {
            match pair {
                (Some(planned), Some(found)) => {
                    let field = |name| format!("{name} of key {}", planned.key_id);
                    let name = |name: &Option<String>| or("none", name, |name| quoted(name));
                    self.value(&field("cohort"), &planned.cohort, &found.cohort, name);
                    let digest = |digest: &Option<_>| or("that of the plan", digest, short);
                    self.value(&field("profile"), &planned.profile_digest, &found.profile_digest, digest);
                    let digest = |digest: &Option<_>| or("none", digest, short);
                    self.value(&field("commitment"), &planned.commitment, &found.commitment, digest);
                    let note = |text: &Option<String>| or("none", text, |text| quoted(text));
                    self.value(&field("publication"), &planned.published, &found.published, note);
                }
                (planned, found) => {
                    let id = planned.or(found).map_or("", |key| &key.key_id);
                    let tested =
                        |key: Option<_>| if key.is_some() { "tested" } else { "not tested" }.to_owned();
                    self.push(format!("key {id}"), tested(planned), tested(found));
                }
            }
        }
    }

    fn references(&mut self, planned: &[PlannedReference], found: &[PlannedReference]) {
        for (planned, found) in unmatched(planned, found, PartialEq::eq, |reference| &reference.name) {
            let name = planned.or(found).map_or("", |reference| &reference.name);
            let kind = |reference: Option<&PlannedReference>| {
                reference
                    .map_or("no such reference".to_owned(), |reference| reference.kind.as_str().to_owned())
            };
            self.push(format!("reference {}", quoted(name)), kind(planned), kind(found));
        }
    }

    fn endpoint(&mut self, planned: Option<&Endpoint>, found: Option<&Endpoint>) {
        let (Some(planned), Some(found)) = (planned, found) else {
            let url =
                |endpoint: Option<&Endpoint>| endpoint.map_or("none".into(), |endpoint| endpoint.url.clone());
            return self.value("endpoint", &url(planned), &url(found), String::clone);
        };
        let Endpoint { url, model, api, max_tokens, temperature, top_p, seed, top_logprobs } = planned;
        let default = |x: &Option<f64>| or("the server's default", x, number);
        self.value("endpoint.url", url, &found.url, String::clone);
        self.value("endpoint.model", model, &found.model, String::clone);
        self.value("endpoint.api", api, &found.api, ToString::to_string);
        self.value("endpoint.max_tokens", max_tokens, &found.max_tokens, u64::to_string);
        self.value("endpoint.temperature", temperature, &found.temperature, default);
        self.value("endpoint.top_p", top_p, &found.top_p, default);
        self.value("endpoint.seed", seed, &found.seed, |seed| or("none", seed, u64::to_string));
        self.value("endpoint.top_logprobs", top_logprobs, &found.top_logprobs, |top| {
            or("none", top, u8::to_string)
        });
    }

    fn reading(&mut self, planned: &Reading, found: &Reading) {
        let Reading {
            tokenizer,
            suspect_tokenizer,
            format,
            text_field,
            tokens_field,
            logprobs_field,
            least_p,
            skip_bad,
        } = planned;
        // A digest is shown as far as one looks at it: `sha256:` and as many digits as of others.
        let start = |text: &String| match text.get(..SHA256.len() + SHOWN_DIGITS) {
            Some(start) if text.starts_with(SHA256) => format!("{start}..."),
            _ => quoted(text),
        };
        let digest = |digest: &Option<String>| or("none", digest, start);
        self.value("reading.tokenizer", tokenizer, &found.tokenizer, digest);
        self.value("reading.suspect_tokenizer", suspect_tokenizer, &found.suspect_tokenizer, digest);
        self.value("reading.format", format, &found.format, |format| {
            or("what names say", format, |it| quoted(it))
        });
        self.value("reading.text_field", text_field, &found.text_field, |name| quoted(name));
        self.value("reading.tokens_field", tokens_field, &found.tokens_field, |name| quoted(name));
        self.value("reading.logprobs_field", logprobs_field, &found.logprobs_field, |name| quoted(name));
        self.value("reading.least_p", least_p, &found.least_p, number);
        self.value("reading.skip_bad", skip_bad, &found.skip_bad, bool::to_string);
    }

    /// Files role by role. Where the plan leaves them to come, there must be some.
    fn files(&mut self, planned: &[PlannedFile], to_come: &BTreeSet<Role>, run: &Terms) {
        for role in Role::ALL {
            let of_role = |files: &[PlannedFile]| -> Vec<PlannedFile> {
                files.iter().filter(|file| file.role == role).cloned().collect()
            };
            let (planned, found) = (of_role(planned), of_role(&run.files));
            let is_run_to_come = run.to_come.contains(&role);
            let field = format!("{} files", role.as_str());
            if to_come.contains(&role) {
                if found.is_empty() && !is_run_to_come {
                    self.push(field, "to come".into(), "none".into());
                }
                continue;
            }
            if is_run_to_come && planned.is_empty() {
                self.push(field, "none".into(), "to come".into());
            }
            for (planned, found) in
                unmatched(&planned, &found, PlannedFile::is_same, |file| (&file.cohort, &file.name))
            {
                let Some(file) = planned.or(found) else { continue };
                let of_cohort = file
                    .cohort
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" of cohort {}", quoted(name)));
                let field = format!("{} file {}{of_cohort}", role.as_str(), quoted(&file.name));
                let has = |file, none: &str| content(file).unwrap_or_else(|| none.to_owned());
                self.push(
                    field,
                    has(planned, "no such file"),
                    has(found, "was given no file that holds that"),
                );
            }
        }
    }

    fn push(&mut self, field: String, planned: String, found: String) {
        self.0.push(Deviation { field, planned, found });
    }
}

/// What is left of two lists once equal members are taken out in pairs: members with the same name together, the others
/// alone.
fn unmatched<'a, T, N: PartialEq>(
    planned: &'a [T],
    found: &'a [T],
    is_same: impl Fn(&T, &T) -> bool,
    name: impl Fn(&'a T) -> N,
) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let mut extra: Vec<&T> = found.iter().collect();
    let mut take = |wanted: &dyn Fn(&'a T) -> bool| {
        let at = extra.iter().position(|&other| wanted(other))?;
        Some(extra.remove(at))
    };
    let missing: Vec<&T> =
        planned.iter().filter(|one| take(&|other| is_same(one, other)).is_none()).collect();
    let mut pairs: Vec<(Option<&T>, Option<&T>)> =
        missing.into_iter().map(|one| (Some(one), take(&|other| name(one) == name(other)))).collect();
    pairs.extend(extra.into_iter().map(|other| (None, Some(other))));
    pairs
}

fn content(file: Option<&PlannedFile>) -> Option<String> {
    file.map(|file| format!("{}, {} bytes", short(&file.sha256), file.bytes))
}

/// The start of a digest. All of it would look like a key, and no two files share so much by chance.
fn short(digest: &Digest) -> String {
    format!("sha256 {}...", &digest.to_string()[..SHOWN_DIGITS])
}

/// A number as one would write it on the command line.
fn number(x: &f64) -> String {
    if *x != 0.0 && x.abs() < 1e-3 { format!("{x:e}") } else { x.to_string() }
}

fn or<T>(none: &str, value: &Option<T>, show: impl Fn(&T) -> String) -> String {
    value.as_ref().map_or_else(|| none.to_owned(), show)
}

/// The word that a unit variant has in the plan's JSON.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn words<T: serde::Serialize>(values: &BTreeSet<T>) -> String {
    if values.is_empty() { "none".into() } else { values.iter().map(word).collect::<Vec<_>>().join(", ") }
}

/// What stands before the digest of a tokenizer.
const SHA256: &str = "sha256:";

/// Digits of a digest that a message shows.
const SHOWN_DIGITS: usize = 16;
