//! `taggant explain`: one text, token by token.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use taggant_corpus::Document;
use taggant_verify::explain::{Explained, explain};
use taggant_verify::{Plan, Verifier, render};

use crate::args::{ExplainArgs, ListFormat};
use crate::failure::Status;
use crate::{input, mark, output};

pub(crate) fn run(args: &ExplainArgs) -> Result<Status> {
    input::check_stdin(&args.inputs)?;
    let profile = mark::read_profile(&args.mark.profile)?;
    let opened = mark::open(&profile, &args.mark.key)?;
    let mut options = input::options(&args.reading, &profile)?;
    options.keep_text = true;
    let mut found: Option<Document> = None;
    let (mut n_documents, mut n_alike) = (0_u64, 0_u64);
    input::each(&args.inputs, &options, |document| {
        n_documents += 1;
        let is_asked = args.document.as_ref().is_none_or(|id| *id == document.id);
        n_alike += u64::from(is_asked && args.document.is_some());
        if is_asked {
            found.get_or_insert(document);
        }
    })?;
    let Some(document) = found else {
        match &args.document {
            Some(id) => bail!("no document has the id {id:?}; the input holds {n_documents}"),
            None => {
                eprintln!("taggant: nothing to show: the input holds no document");
                return Ok(Status::NothingToScore);
            }
        }
    };
    if n_alike > 1 {
        eprintln!("taggant: warning: {n_alike} documents have the id {:?}; the first is shown", document.id);
    }
    let verifier = Verifier::new(&opened.reader, Plan::default())?;
    let result = verifier.document(document.id.clone(), &document.tokens);
    let rows = explain(&opened.reader, &document.tokens);
    let piece = |row: &Explained| -> Option<String> {
        let encoded = document.text.as_ref()?;
        let (start, end) = *encoded.offsets.get(row.position as usize)?;
        encoded.text.get(start..end).map(str::to_owned)
    };
    let rows: Vec<Row> = rows.into_iter().map(|row| Row { text: piece(&row), row }).collect();
    let report = Report {
        schema_version: 1,
        tool: concat!("taggant ", env!("CARGO_PKG_VERSION")),
        command: "explain",
        profile_digest: profile.digest(),
        key_id: opened.key_id.to_string(),
        dialect: profile.dialect(),
        id: &result.id,
        tokens: result.tokens,
        scored: result.scored,
        statistic: result.statistic,
        z: result.z,
        ln_p: result.ln_p,
        n_documents,
        rows,
    };
    output::print(&match args.format {
        ListFormat::Json => serde_json::to_string_pretty(&report).context("a report is JSON")? + "\n",
        ListFormat::Table => table(&report),
    })?;
    Ok(Status::Ran)
}

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u64,
    tool: &'static str,
    command: &'static str,
    profile_digest: String,
    key_id: String,
    dialect: &'a str,
    id: &'a str,
    tokens: u64,
    scored: u64,
    statistic: f64,
    z: Option<f64>,
    ln_p: f64,
    #[serde(skip)]
    n_documents: u64,
    rows: Vec<Row>,
}

/// A token, and the piece of text that it stands for; null for rows of tokens.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    row: Explained,
    text: Option<String>,
}

fn table(report: &Report<'_>) -> String {
    let mut rows = vec![
        ["position", "token", "text", "context", "channel", "value", "counted"].map(String::from).to_vec(),
    ];
    for Row { row, text } in &report.rows {
        let context = row
            .context
            .as_ref()
            .map(|context| context.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        rows.push(vec![
            row.position.to_string(),
            row.token.to_string(),
            text.as_ref().map_or_else(|| "-".into(), |text| format!("{text:?}")),
            context.unwrap_or_else(|| "-".into()),
            row.channel.clone().unwrap_or_else(|| "-".into()),
            row.value.map_or_else(
                || "-".into(),
                |value| if value.fract() == 0.0 { value.to_string() } else { format!("{value:.3}") },
            ),
            match (&row.reason, row.first) {
                (None, _) => "yes".into(),
                (Some(reason), Some(first)) if reason == "duplicate" => format!("no: duplicate of {first}"),
                (Some(reason), _) => format!("no: {reason}"),
            },
        ]);
    }
    let mut text = render::columns(&rows);
    let p = taggant_verify::LnP::from_ln(report.ln_p);
    writeln!(
        text,
        "\n{}: {} tokens, {} counted; statistic {}, z {}, p = {p} for this document alone, hypotheses = 1",
        report.id,
        report.tokens,
        report.scored,
        report.statistic,
        report.z.map_or_else(|| "-".into(), |z| format!("{z:.2}")),
    )
    .expect("writing to a String cannot fail");
    if report.n_documents > 1 {
        writeln!(text, "the input holds {} documents; --document ID shows another", report.n_documents)
            .expect("writing to a String cannot fail");
    }
    text
}
