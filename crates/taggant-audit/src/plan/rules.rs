//! What terms must satisfy to be a plan.

use std::collections::HashSet;

use taggant_verify::audit_result::Origin;
use taggant_verify::test_name::StatisticName;
use taggant_verify::{Filter as TestFilter, TestName};

use crate::digest::is_lower_hex;
use crate::document::{MAX_WHOLE, quoted};
use crate::error::{Error, Kind};
use crate::plan::DOCUMENT;
use crate::plan::file::Role;
use crate::plan::reading::Reading;
use crate::plan::statistic;
use crate::plan::terms::{Endpoint, Filter, PlannedKey, SCHEMA_VERSION, Terms};

/// Checks every value, then what they say together.
pub(crate) fn check(terms: &Terms) -> Result<(), Error> {
    let found = terms.schema_version;
    if found != SCHEMA_VERSION {
        return Err(Kind::SchemaVersion { document: DOCUMENT, expected: SCHEMA_VERSION, found }.into());
    }
    line("tool", &terms.tool)?;
    line("dialect", &terms.dialect)?;
    keys(&terms.keys)?;
    statistic::check(terms.statistic)?;
    for (at, reference) in terms.references.iter().enumerate() {
        file_name(&format!("references[{at}].name"), &reference.name)?;
    }
    number("alpha", terms.alpha, "above 0 and below 1", |x| x > 0.0 && x < 1.0)?;
    number("min_effect", terms.min_effect, "a finite number above 0", |x| x > 0.0 && x.is_finite())?;
    whole("hypotheses", terms.hypotheses.get(), 1)?;
    whole("decoys", terms.decoys, 0)?;
    whole("columns", terms.columns, 0)?;
    whole("budget.tokens", terms.budget.tokens.unwrap_or(1), 1)?;
    whole("budget.queries", terms.budget.queries.unwrap_or(1), 1)?;
    terms.endpoint.as_ref().map_or(Ok(()), endpoint)?;
    if let Some(level) = terms.cohort_level {
        number("cohort_level", level, "above 0 and below 1", |x| x > 0.0 && x < 1.0)?;
    }
    reading(&terms.reading)?;
    for (at, file) in terms.files.iter().enumerate() {
        file_name(&format!("files[{at}].name"), &file.name)?;
        file.cohort.as_ref().map_or(Ok(()), |name| line(&format!("files[{at}].cohort"), name))?;
        whole(&format!("files[{at}].bytes"), file.bytes, 0)?;
    }
    together(terms)
}

/// What the terms say together: nothing that could not be run.
fn together(terms: &Terms) -> Result<(), Error> {
    let contradiction = |message: String| Err(Kind::Contradiction { document: DOCUMENT, message }.into());
    let has_files = |role| terms.files_of(role).next().is_some();
    let statistic = terms.statistic;
    let own_filter = match statistic.filter() {
        TestFilter::Served => Some((Filter::Served, "served")),
        TestFilter::Familiar => Some((Filter::Familiar, "familiar")),
        _ => None,
    };
    if let Some((_, word)) = own_filter.filter(|(filter, _)| !terms.filters.contains(filter)) {
        return contradiction(format!("{statistic} needs the filter {word}, and filters does not name it"));
    }
    for (filter, role) in [(Filter::Served, Role::Served), (Filter::Familiar, Role::Familiar)] {
        if terms.filters.contains(&filter) && !has_files(role) {
            let word = role.as_str();
            return contradiction(format!("the filter {word} needs a file of the role {word}, found none"));
        }
    }
    let is_centred = matches!(statistic.statistic(), StatisticName::Score | StatisticName::OpenPaired);
    if is_centred && terms.references.is_empty() && !terms.to_come.contains(&Role::Reference) {
        return contradiction(format!("{statistic} needs a reference, found none"));
    }
    if terms.origin != Origin::Suspect && !statistic.is_open() {
        let origin = terms.origin.as_str();
        return contradiction(format!(
            "{statistic} counts what the suspect wrote, and the origin is {origin}"
        ));
    }
    if terms.sequential && statistic.filter() == TestFilter::Served {
        return contradiction(format!(
            "no run stops early on {statistic}: which contexts were served depends on the key"
        ));
    }
    if terms.sequential && statistic.statistic() != TestName::COUNT.statistic() {
        return contradiction(format!(
            "no run stops early on {statistic}: its coefficients would depend on the key through the stop"
        ));
    }
    if terms.cohort_level.is_some() != has_files(Role::Cohorts) {
        return contradiction(
            "cohort_level and a file of the role cohorts go together, found one alone".into(),
        );
    }
    if terms.cohort_level.is_some() && terms.keys.len() < 2 {
        return contradiction("cohorts need at least two keys, found one".into());
    }
    cohorts(terms)?;
    for role in Role::ALL {
        let (word, is_to_come) = (role.as_str(), terms.to_come.contains(&role));
        if is_to_come && !role.may_come_later() {
            return contradiction(format!(
                "files of the role {word} must be fixed in a plan, found them to come"
            ));
        }
        if is_to_come && has_files(role) {
            return contradiction(format!("files of the role {word} are given or to come, found both"));
        }
    }
    if terms.endpoint.is_some() && !terms.to_come.contains(&Role::Suspect) {
        return contradiction(
            "a live suspect has not answered yet, and files of the role suspect are not to come".into(),
        );
    }
    if terms.sequential && terms.cohort_level.is_some() {
        return contradiction(
            "no run stops early on cohorts: the stop looks at one key, and their contrast at all".into(),
        );
    }
    if terms.sequential && terms.endpoint.is_none() {
        return contradiction(
            "only what asks a live suspect can stop early, and there is no endpoint".into(),
        );
    }
    if !terms.to_come.contains(&Role::Suspect) && !has_files(Role::Suspect) {
        return contradiction("a file of the role suspect must be given or to come, found neither".into());
    }
    Ok(())
}

/// With cohorts each key is that of one, and a file or a profile of one cohort is that of a key.
fn cohorts(terms: &Terms) -> Result<(), Error> {
    let names: HashSet<&str> = terms.keys.iter().filter_map(|key| key.cohort.as_deref()).collect();
    for (at, key) in terms.keys.iter().enumerate() {
        if key.cohort.is_some() != terms.cohort_level.is_some() {
            let (expected, found) = match key.cohort {
                Some(_) => ("null without cohorts", "a name"),
                None => ("the name of a cohort", "null"),
            };
            return Err(refused(&format!("keys[{at}].cohort"), expected, found.into()));
        }
        let digest = key.profile_digest;
        if digest.is_some_and(|digest| key.cohort.is_none() || digest == terms.profile_digest) {
            let expected = "null, or that of a cohort's own profile";
            return Err(refused(&format!("keys[{at}].profile_digest"), expected, "another".into()));
        }
    }
    for (at, file) in terms.files.iter().enumerate() {
        let Some(name) = &file.cohort else { continue };
        if file.role != Role::Served || !names.contains(&name[..]) {
            let expected = "null, or for a served file the cohort of a key";
            return Err(refused(&format!("files[{at}].cohort"), expected, quoted(name)));
        }
    }
    Ok(())
}

fn reading(reading: &Reading) -> Result<(), Error> {
    let Reading { tokenizer, suspect_tokenizer, format, .. } = reading;
    for (field, text) in
        [("tokenizer", tokenizer), ("suspect_tokenizer", suspect_tokenizer), ("format", format)]
    {
        text.as_ref().map_or(Ok(()), |text| line(&format!("reading.{field}"), text))?;
    }
    line("reading.text_field", &reading.text_field)?;
    line("reading.tokens_field", &reading.tokens_field)?;
    line("reading.logprobs_field", &reading.logprobs_field)?;
    number("reading.least_p", reading.least_p, "at least 0 and below 1", |x| (0.0..1.0).contains(&x))
}

fn keys(keys: &[PlannedKey]) -> Result<(), Error> {
    if keys.is_empty() {
        return Err(refused("keys", "at least one key", "none".into()));
    }
    let (mut seen, mut cohorts) = (HashSet::new(), HashSet::new());
    for (at, key) in keys.iter().enumerate() {
        let field = |name| format!("keys[{at}].{name}");
        key_id(&field("key_id"), &key.key_id, DOCUMENT)?;
        if !seen.insert(&key.key_id) {
            return Err(refused(&field("key_id"), "unlike those before it", quoted(&key.key_id)));
        }
        if let Some(cohort) = &key.cohort {
            line(&field("cohort"), cohort)?;
            if !cohorts.insert(cohort) {
                return Err(refused(&field("cohort"), "unlike those before it", quoted(cohort)));
            }
        }
        if let Some(published) = &key.published {
            line(&field("published"), published)?;
            if key.commitment.is_none() {
                return Err(refused(&field("published"), "null without a commitment", quoted(published)));
            }
        }
    }
    Ok(())
}

fn endpoint(endpoint: &Endpoint) -> Result<(), Error> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| endpoint.url.strip_prefix(scheme));
    let is_plain = |rest: &str| {
        let is_odd = |c: char| c.is_control() || c.is_whitespace() || ['@', '?', '#', '\\'].contains(&c);
        !rest.is_empty() && !rest.starts_with('/') && rest.len() <= MAX_LINE_LEN && !rest.contains(is_odd)
    };
    if !rest.is_some_and(is_plain) {
        // Not shown: what makes it one to refuse may be a secret.
        let expected = "an http or https URL without user, query or fragment";
        return Err(refused("endpoint.url", expected, "another text".into()));
    }
    line("endpoint.model", &endpoint.model)?;
    whole("endpoint.max_tokens", endpoint.max_tokens, 1)?;
    whole("endpoint.seed", endpoint.seed.unwrap_or(0), 0)?;
    let temperature = endpoint.temperature.unwrap_or(1.0);
    number("endpoint.temperature", temperature, "a finite number of at least 0", |x| {
        x >= 0.0 && x.is_finite()
    })?;
    number("endpoint.top_p", endpoint.top_p.unwrap_or(1.0), "above 0 and at most 1", |x| x > 0.0 && x <= 1.0)
}

/// The public id of a key.
pub(crate) fn key_id(field: &str, text: &str, document: &'static str) -> Result<(), Error> {
    if text.len() == 16 && text.chars().all(is_lower_hex) {
        return Ok(());
    }
    // Not shown: somebody may have put a key there.
    let found = format!("{} other characters", text.chars().count());
    Err(Kind::Field { document, field: field.into(), expected: "16 lower-case hexadecimal digits", found }
        .into())
}

/// A text that stands on one line of a report.
fn line(field: &str, text: &str) -> Result<(), Error> {
    let is_line = !text.is_empty() && text.len() <= MAX_LINE_LEN && !text.contains(char::is_control);
    if is_line { Ok(()) } else { Err(refused(field, "1 to 1000 bytes on one line", quoted(text))) }
}

/// The name of a file without folders: a path says more of a machine than a plan should.
fn file_name(field: &str, name: &str) -> Result<(), Error> {
    let is_name = !name.is_empty()
        && name.len() <= MAX_NAME_LEN
        && name != "."
        && name != ".."
        && !name.contains(|c: char| c == '/' || c == '\\' || c.is_control());
    if is_name {
        Ok(())
    } else {
        Err(refused(field, "a file's name without folders, 1 to 255 bytes", quoted(name)))
    }
}

fn number(field: &str, found: f64, expected: &'static str, is_in: impl Fn(f64) -> bool) -> Result<(), Error> {
    if is_in(found) { Ok(()) } else { Err(refused(field, expected, found.to_string())) }
}

fn whole(field: &str, found: u64, least: u64) -> Result<(), Error> {
    let expected = if least == 0 { "at most 2^53" } else { "from 1 to 2^53" };
    if (least..=MAX_WHOLE).contains(&found) {
        Ok(())
    } else {
        Err(refused(field, expected, found.to_string()))
    }
}

fn refused(field: &str, expected: &'static str, found: String) -> Error {
    Kind::Field { document: DOCUMENT, field: field.into(), expected, found }.into()
}

/// The longest text in a plan, in bytes.
const MAX_LINE_LEN: usize = 1000;

/// The longest name of a file on the usual file systems, in bytes.
const MAX_NAME_LEN: usize = 255;
