//! The files of an audit, by what they are for, bound to it by their digests.

use std::fs::File;

use anyhow::{Context, Result, bail};
use taggant_audit::plan::{PlannedFile, Role};
use taggant_corpus::Source;
use taggant_verify::audit_result::InputDigest;

use super::keys::AuditKeys;
use crate::audit_args::{AuditMarkArgs, MaterialArgs};

/// Every file that the flags and the cohorts name, by role, cohort and name.
pub(crate) fn find(
    suspect: &[String],
    prompts: &[String],
    materials: &MaterialArgs,
    mark: &AuditMarkArgs,
    keys: &AuditKeys,
) -> Result<Vec<PlannedFile>> {
    let mut files = Vec::new();
    let mut add = |role, inputs: &[String], cohort: Option<&str>| -> Result<()> {
        for input in inputs {
            for source in Source::find(input)? {
                let file = read(role, &source.name(), &source.short_name())?;
                files.push(match cohort {
                    Some(name) => file.of_cohort(name),
                    None => file,
                });
            }
        }
        Ok(())
    };
    add(Role::Suspect, suspect, None)?;
    add(Role::Prompts, prompts, None)?;
    add(Role::Served, &materials.served, None)?;
    for (name, served) in keys.keys.iter().filter_map(|key| key.cohort.as_ref()) {
        add(Role::Served, served, Some(name))?;
    }
    add(Role::Familiar, &materials.familiar, None)?;
    add(Role::Reference, &materials.reference, None)?;
    add(Role::Control, &materials.control, None)?;
    if let Some(path) = &mark.cohorts {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push(read(Role::Cohorts, &path.display().to_string(), &name)?);
    }
    files.sort_by_key(|file| (file.role, file.cohort.clone(), file.name.clone(), file.sha256));
    Ok(files)
}

/// The files as a report has them, sorted.
pub(crate) fn digests(files: &[PlannedFile]) -> Vec<InputDigest> {
    let digest = |file: &PlannedFile| InputDigest {
        role: file.role.as_str().into(),
        name: file.name.clone(),
        bytes: file.bytes,
        sha256: file.sha256.to_string(),
    };
    let mut digests: Vec<InputDigest> = files.iter().map(digest).collect();
    digests.sort();
    digests
}

/// The name of a reference or control in a report, which holds no paths.
pub(crate) fn short_name(input: &str) -> String {
    let name = std::path::Path::new(input).file_name();
    name.map_or_else(|| input.to_owned(), |name| name.to_string_lossy().into_owned())
}

pub(crate) fn read(role: Role, path: &str, name: &str) -> Result<PlannedFile> {
    if path == "-" {
        bail!("an audit is bound to its files by their digests; name a file instead of -");
    }
    let file = File::open(path).and_then(|file| PlannedFile::read(role, name, file));
    file.with_context(|| format!("cannot read {path}"))
}
