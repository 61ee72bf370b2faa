//! The key or keys of an audit, opened.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use taggant_audit::cohorts::Cohort;
use taggant_audit::plan::{PlannedKey, Terms};
use taggant_audit::{Cohorts, Digest};
use taggant_dialects::{Opened, Profile};

use super::cohort_list::{self, ListedCohort};
use crate::audit_args::AuditMarkArgs;
use crate::{key, mark};

/// A key that is tested.
#[derive(Debug)]
pub(crate) struct AuditKey {
    pub(crate) profile: Profile,
    pub(crate) opened: Opened,
    /// `None` where keys of the dialect can be guessed.
    pub(crate) commitment: Option<Digest>,
    /// The name of its cohort, and what was served under it alone.
    pub(crate) cohort: Option<(String, Vec<String>)>,
}

/// Every key that is tested.
#[derive(Debug)]
pub(crate) struct AuditKeys {
    /// The profile of the flag: that of every key that has none of its own.
    pub(crate) profile: Profile,
    pub(crate) keys: Vec<AuditKey>,
    /// The one whose report it is.
    main: usize,
    pub(crate) cohorts: Option<Cohorts>,
}

impl AuditKeys {
    /// Reads the profile and the keys.
    pub(crate) fn read(args: &AuditMarkArgs, has_served: bool) -> Result<Self> {
        let profile = mark::read_profile(&args.profile)?;
        let Some(path) = &args.cohorts else {
            let place = args.key.as_deref().unwrap_or_default();
            let keys = vec![AuditKey::read(profile.clone(), place, None)?];
            return Ok(Self { profile, keys, main: 0, cohorts: None });
        };
        let listed = cohort_list::read(path)?;
        let (mut keys, mut cohorts) = (Vec::new(), Vec::new());
        for ListedCohort { name, key, profile: own, flagged, exposure, volume, served } in listed {
            let at = || format!("cohorts {}: cohort {name:?}", path.display());
            let own = own.as_deref().map(mark::read_profile).transpose().with_context(at)?;
            let own = own.unwrap_or_else(|| profile.clone());
            let key = AuditKey::read(own, &key, Some((name.clone(), served))).with_context(at)?;
            let key_id = key.opened.key_id.to_string();
            cohorts.push(Cohort { name, key_id, flagged, exposure, volume });
            keys.push(key);
        }
        let cohorts = Cohorts::new(cohorts).with_context(|| format!("cohorts {}", path.display()))?;
        let main = main_cohort(&cohorts, args.key.as_deref(), &keys, path)?;
        let is_without_log =
            |key: &AuditKey| key.cohort.as_ref().is_some_and(|(_, served)| served.is_empty());
        let n_without = keys.iter().filter(|key| is_without_log(key)).count();
        if n_without != 0 && n_without != keys.len() {
            return Err(anyhow!(
                "cohorts {}: {n_without} of {} have no log `served` of their own; expected one for each, or --served for all",
                path.display(),
                keys.len()
            ));
        }
        if n_without == 0 && has_served {
            return Err(anyhow!(
                "cohorts {}: each has a log `served` of its own, and --served would not be read",
                path.display()
            ));
        }
        Ok(Self { profile, keys, main, cohorts: Some(cohorts) })
    }

    /// The key whose report it is.
    pub(crate) fn main(&self) -> &AuditKey {
        &self.keys[self.main]
    }

    /// Every other key.
    pub(crate) fn others(&self) -> impl Iterator<Item = &AuditKey> {
        let main = self.main;
        self.keys.iter().enumerate().filter(move |(at, _)| *at != main).map(|(_, key)| key)
    }

    /// Whether every cohort has a log of its own.
    pub(crate) fn has_own_logs(&self) -> bool {
        self.keys.iter().all(|key| key.cohort.as_ref().is_some_and(|(_, served)| !served.is_empty()))
    }

    /// The keys as a plan has them.
    pub(crate) fn planned(&self, published: Option<&str>) -> Result<Vec<PlannedKey>> {
        let of_flag = digest_of(&self.profile)?;
        let planned = |key: &AuditKey| -> Result<PlannedKey> {
            Ok(PlannedKey {
                key_id: key.opened.key_id.to_string(),
                cohort: key.cohort.as_ref().map(|(name, _)| name.clone()),
                profile_digest: Some(digest_of(&key.profile)?).filter(|own| *own != of_flag),
                commitment: key.commitment,
                published: published.map(str::to_owned),
            })
        };
        self.keys.iter().map(planned).collect()
    }

    /// The keys as the plan of a run would have them: with no commitment where the plan has none, and published as it says.
    pub(crate) fn planned_as(&self, terms: &Terms) -> Result<Vec<PlannedKey>> {
        let mut planned = self.planned(None)?;
        for key in &mut planned {
            let same = terms.keys.iter().find(|other| other.key_id == key.key_id);
            key.commitment = key.commitment.filter(|_| same.is_some_and(|same| same.commitment.is_some()));
            key.published = same.and_then(|same| same.published.clone());
        }
        Ok(planned)
    }
}

impl AuditKey {
    fn read(profile: Profile, place: &str, cohort: Option<(String, Vec<String>)>) -> Result<Self> {
        let (opened, commitment) = mark::open_committed(&profile, place)?;
        Ok(Self { profile, opened, commitment: commitment.map(|it| Digest::from(*it.as_bytes())), cohort })
    }
}

/// The digest of a profile.
pub(crate) fn digest_of(profile: &Profile) -> Result<Digest> {
    Ok(profile.digest().parse()?)
}

/// The cohort of --key, or else the first flagged one.
fn main_cohort(cohorts: &Cohorts, place: Option<&str>, keys: &[AuditKey], path: &Path) -> Result<usize> {
    let shown = path.display();
    let cohorts = cohorts.as_slice();
    let flagged = cohorts.iter().position(|cohort| cohort.flagged);
    let flagged = flagged
        .ok_or_else(|| anyhow!("cohorts {shown}: none is flagged, so there is nothing to contrast"))?;
    let Some(place) = place else { return Ok(flagged) };
    let material = key::read(place)?;
    // The dialect of another cohort may refuse the form of this key.
    let is_its = |key: &AuditKey| key.profile.open(&material).is_ok_and(|it| it.key_id == key.opened.key_id);
    keys.iter().position(is_its).ok_or_else(|| anyhow!("--key {place} is the key of no cohort in {shown}"))
}
