//! Profiles: what is read, what is refused and in which words.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use taggant_dialects::{KeyMaterial, Profile, to_toml};

const GREEN: &str = "dialect = \"taggant-1\"\nscheme = \"green\"\ncontext_width = 2\ngamma = \"1/4\"\ndelta = 2.0\nepoch = \"2026q4\"\n";

fn check_refused(toml: &str, words: &str) {
    let message = Profile::from_toml(toml).unwrap_err().to_string();
    assert!(message.contains(words), "{toml}\nsays {message:?}, expected {words:?}");
    assert!(!message.contains('\n'), "more than one line: {message:?}");
}

#[test]
fn the_digest_is_that_of_the_spec() {
    let profile = Profile::from_toml(GREEN).unwrap();
    assert_eq!(
        profile.canonical_json(),
        r#"{"channels":[{"accounts":false,"name":"fleet","share":256}],"context_width":2,"delta":2,"dialect":"taggant-1","epoch":"2026q4","gamma":"1/4","repeat_rule":"completion","scheme":"green"}"#
    );
    assert_eq!(profile.digest(), "c577c53c55f96564bb207f019afa214001ed456f80de91448eb4a55f0b8afb34");
}

#[test]
fn every_profile_survives_toml() {
    let more = format!("{GREEN}repeat_rule = \"none\"\ntokenizer = \"sha256:{}\"\n", "0f".repeat(32));
    let channels = "[[channels]]\nname = \"fleet\"\nshare = 200\naccounts = false\n[[channels]]\nname = \"account\"\nshare = 56\naccounts = true\n";
    let texts = [
        GREEN.to_owned(),
        more,
        GREEN.replace("1/4", "77/256").replace("2.0", "0.125"),
        GREEN.replace("gamma = \"1/4\"", "gamma = \"1/2\"") + channels,
        GREEN.replace("delta = 2.0", "delta = 2"),
        "dialect = \"taggant-1\"\nscheme = \"gumbel\"\ncontext_width = 4\nepoch = \"e\"\n".to_owned()
            + channels,
        "dialect = \"taggant-1\"\nscheme = \"tournament\"\ncontext_width = 12\nepoch = \"e\"\n".to_owned(),
        "dialect = \"taggant-1\"\nscheme = \"tournament\"\ncontext_width = 12\nepoch = \"e\"\ndepth = 7\n"
            .to_owned(),
    ];
    for text in texts {
        let profile: taggant::Profile = toml::from_str(&text).unwrap();
        let again: taggant::Profile = toml::from_str(&to_toml(&profile)).unwrap();
        assert_eq!(profile, again, "{text}");
        assert_eq!(
            Profile::from_toml(&text).unwrap().digest(),
            Profile::from_toml(&to_toml(&profile)).unwrap().digest()
        );
    }
}

#[test]
fn profiles_are_refused_in_one_line_that_says_what_to_do() {
    check_refused("", "dialect");
    check_refused("dialect = 3", "dialect");
    check_refused("dialect = \"kgw\"", "unknown dialect \"kgw\", this build knows taggant-1");
    check_refused("dialect = \"taggant-1\"\nscheme", "line 2");
    check_refused(&format!("{GREEN}gama = \"1/4\"\n"), "line 7: unknown field `gama`");
    check_refused(&GREEN.replace("1/4", "1/3"), "gamma must be written");
    check_refused(&GREEN.replace("1/4", "0.25"), "gamma must be written");
    check_refused(&GREEN.replace("gamma = \"1/4\"", "gamma = 0.25"), "line 4");
    check_refused(&GREEN.replace("gamma = \"1/4\"\n", ""), "needs the field `gamma`");
    check_refused(&GREEN.replace("delta = 2.0\n", ""), "needs the field `delta`");
    check_refused(&GREEN.replace("2.0", "nan"), "delta must be");
    check_refused(&GREEN.replace("2.0", "-1.0"), "delta must be");
    check_refused(&GREEN.replace("width = 2", "width = 0"), "context_width must be 1 to 12, found 0");
    check_refused(&GREEN.replace("width = 2", "width = 13"), "found 13");
    check_refused(&GREEN.replace("2026q4", "2026/q4"), "epoch must match");
    check_refused(&GREEN.replace("\"green\"", "\"red\""), "unknown scheme \"red\"");
    check_refused(&GREEN.replace("\"green\"", "\"gumbel\""), "field `gamma` belongs to scheme \"green\"");
    check_refused(&format!("{GREEN}depth = 3\n"), "field `depth` belongs to scheme \"tournament\"");
    check_refused(
        &format!("{GREEN}repeat_rule = \"once\"\n"),
        "line 7: unknown variant `once`, expected `completion` or `none`",
    );
    check_refused(&format!("{GREEN}tokenizer = \"sha256:12\"\n"), "tokenizer must be");
    check_refused(&format!("{GREEN}channels = []\n"), "needs 1 to 256 channels, found 0");
    let channel = "[[channels]]\nname = \"a\"\nshare = 255\naccounts = false\n";
    check_refused(&format!("{GREEN}{channel}"), "shares must sum to 256, found 255");
    check_refused(&format!("{GREEN}{channel}{}", channel.replace("255", "1")), "two channels are named");
    let account = channel.replace("255", "256").replace("false", "true");
    check_refused(&format!("{GREEN}{account}"), "needs gamma = \"1/2\" exactly");
    check_refused(&format!("{}{account}", GREEN.replace("1/4", "2/4")), "found \"2/4\"");
}

#[test]
fn a_key_of_wrong_form_is_refused_without_echo() {
    let profile = Profile::from_toml(GREEN).unwrap();
    for text in ["", "hunter2", &"0".repeat(63), &format!("{}\n\n", "0".repeat(64))] {
        let message = profile.open(&KeyMaterial::from_text(text.to_owned())).unwrap_err().to_string();
        assert!(message.contains("64 hexadecimal digits") && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn decoys_differ_from_the_key_and_from_each_other() {
    let profile = Profile::from_toml(GREEN).unwrap();
    let open = |key: &KeyMaterial| profile.open(key).unwrap().key_id;
    let key_id = open(&KeyMaterial::from_text("5a".repeat(32)));
    let mut ids: Vec<_> = (0..100).map(|n| open(&profile.decoy_key(key_id, n))).collect();
    ids.push(key_id);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 101);
}
