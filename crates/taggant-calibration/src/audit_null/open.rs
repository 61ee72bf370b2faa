//! The open statistics, of students that the tested keys had no part in.

use anyhow::{Context, Result};
use taggant::reader::Reader;
use taggant_audit::{Mixture, Open, ReferenceModel};
use taggant_verify::SequenceSet;
use taggant_verify::audit_result::Origin;

use super::cell::Cell;
use super::closed::{CONTROL, Listed, TEACHER, cells, named};
use super::sizes::Sizes;
use super::suspect::{Lists, Suspect};
use super::world::{Documents, Label, MARKING_KEY, Setting, World, mark, write};

/// A student that learned no marked text, on human text that no model has read and on its own text.
pub(super) fn key_free(world: &World, setting: &Setting, run: u64, sizes: &Sizes) -> Result<Vec<Cell>> {
    let own = write(&world.innocent, sizes.read, Label::Suspect)?;
    let n_documents = own.len().min(world.held_out.len());
    let human = world.held_out[..n_documents].to_vec();
    let mut found = listed(world, setting, &human, Origin::KeyFree, run, "0 %, human text", sizes.keys)?;
    found.extend(listed(world, setting, &own, Origin::Suspect, run + 1, "0 %, its own text", sizes.keys)?);
    Ok(found)
}

fn listed(
    world: &World,
    setting: &Setting,
    text: &Documents,
    origin: Origin,
    run: u64,
    suspect: &'static str,
    n_keys: u64,
) -> Result<Vec<Cell>> {
    let profile = setting.profile()?;
    let rule = mark(&profile, run, MARKING_KEY).context_rule();
    let passages = Suspect { model: &world.innocent, copies: 0.0, lists: LISTS }.read(text, setting.width)?;
    let none = SequenceSet::new(setting.width);
    let mut listed = Vec::new();
    for (name, model) in [(CONTROL, &world.control), (TEACHER, &world.teacher)] {
        let reference = named(name, model);
        let mixture = Mixture::new(vec![&reference as &dyn ReferenceModel], &passages)?;
        let open =
            Open::new(rule, &passages, origin, &none, Some(&mixture))?.context("rows with log-probs")?;
        let paired = open.paired.context("a reference")?;
        if listed.is_empty() {
            listed.push(Listed { test: "open-argmax", reference: "", items: open.argmax, contexts: None });
            listed.push(Listed { test: "open-mass", reference: "", items: open.mass, contexts: None });
        }
        listed.push(Listed { test: "open-paired", reference: name, items: paired, contexts: None });
    }
    Ok(cells(&profile, setting, suspect, run, n_keys, &listed))
}

/// What a suspect lists: rows at the size of a server's.
pub(super) const LISTS: Lists = Lists::AtLeast(1.0 / 256.0);
