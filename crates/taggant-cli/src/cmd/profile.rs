//! `taggant profile`: the public description of a mark.

use anyhow::{Context, Result, bail};
use taggant::channel::Channel;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::writer::RepeatRule;
use taggant::{ContextWidth, Name, TokenizerDigest};
use taggant_dialects::{Profile, to_toml};

use crate::args::{ProfileArgs, RepeatRuleArg, SchemeArg};
use crate::failure::Status;
use crate::{mark, output};

pub(crate) fn run(args: &ProfileArgs) -> Result<Status> {
    if let Some(path) = &args.show {
        let profile = mark::read_profile(path)?;
        output::print(&format!("{}  {}\n", profile.digest(), profile.canonical_json()))?;
        return Ok(Status::Ran);
    }
    let text = to_toml(&profile(args)?);
    match &args.output {
        None => output::print(&text)?,
        Some(path) => output::write(path, &text)?,
    }
    Ok(Status::Ran)
}

/// A profile of the project's own dialect with every default.
pub(crate) fn default_profile() -> Result<Profile> {
    let scheme = Scheme::Green(GreenList::new(DEFAULT_GAMMA.parse()?, DEFAULT_DELTA)?);
    let profile = taggant::Profile::new(scheme, ContextWidth::new(2)?, "epoch-1")?;
    Ok(Profile::from_toml(&to_toml(&profile))?)
}

fn profile(args: &ProfileArgs) -> Result<taggant::Profile> {
    let mut profile =
        taggant::Profile::new(scheme(args)?, ContextWidth::new(args.context_width)?, &args.epoch)?
            .with_repeat_rule(match args.repeat_rule {
                RepeatRuleArg::Completion => RepeatRule::Completion,
                RepeatRuleArg::None => RepeatRule::None,
            });
    if !args.channel.is_empty() {
        let channels = args.channel.iter().map(|text| channel(text)).collect::<Result<_>>()?;
        profile = profile.with_channels(channels)?;
    }
    if let Some(place) = &args.tokenizer {
        profile = profile.with_tokenizer(TokenizerDigest::new(mark::tokenizer(place)?.digest())?);
    }
    Ok(profile)
}

fn scheme(args: &ProfileArgs) -> Result<Scheme> {
    let is_green = args.scheme == SchemeArg::Green;
    let foreign = [
        ("--gamma", args.gamma.is_some() && !is_green, "green"),
        ("--delta", args.delta.is_some() && !is_green, "green"),
        ("--depth", args.depth.is_some() && args.scheme != SchemeArg::Tournament, "tournament"),
    ];
    if let Some((flag, _, scheme)) = foreign.into_iter().find(|(_, is_foreign, _)| *is_foreign) {
        bail!("{flag} belongs to --scheme {scheme}");
    }
    Ok(match args.scheme {
        SchemeArg::Green => {
            let gamma = args.gamma.as_deref().unwrap_or(DEFAULT_GAMMA).parse()?;
            Scheme::Green(GreenList::new(gamma, args.delta.unwrap_or(DEFAULT_DELTA))?)
        }
        SchemeArg::Gumbel => Scheme::Gumbel(GumbelMax::new()),
        SchemeArg::Tournament => {
            Scheme::Tournament(args.depth.map_or(Ok(Tournament::default()), Tournament::new)?)
        }
    })
}

/// `NAME:SHARE` or `NAME:SHARE:accounts`.
fn channel(text: &str) -> Result<Channel> {
    let wrong = || format!("--channel expects NAME:SHARE or NAME:SHARE:accounts, found {text:?}");
    let parts: Vec<&str> = text.split(':').collect();
    let (name, share, accounts) = match parts[..] {
        [name, share] => (name, share, false),
        [name, share, "accounts"] => (name, share, true),
        _ => bail!(wrong()),
    };
    Ok(Channel {
        accounts,
        name: Name::new("channel name", name)?,
        share: share.parse().with_context(wrong)?,
    })
}

/// The recommended green list: a quarter of the vocabulary, raised by two nats. A smaller share separates marked
/// text better at the same bias; two nats are the strongest bias in common use that leaves text fluent.
pub(crate) const DEFAULT_GAMMA: &str = "1/4";
pub(crate) const DEFAULT_DELTA: f64 = 2.0;
