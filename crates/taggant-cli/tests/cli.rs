//! The command line, one data file a case: `tests/cmd/<command>/<what is true>.toml`, run in `tests/fixtures`.
//!
//! After a change of wording, `TRYCMD=overwrite cargo test -p taggant-cli --test cli` writes what the program says now
//! into the files; the review is their diff. A line `...` stands for any lines, `[..]` for any text.

/// Every case file holds.
#[test]
fn the_cases_hold() {
    let cases = trycmd::TestCases::new();
    cases
        .register_bin("taggant", std::path::Path::new(env!("CARGO_BIN_EXE_taggant")))
        // The key that marked the fixtures. A key file in a checkout is readable by others, and warned about.
        .env("TAGGANT_KEY", "5a".repeat(32))
        // What help is wrapped to where there is no terminal to ask.
        .env("COLUMNS", "100")
        .insert_var("[VERSION]", env!("CARGO_PKG_VERSION"))
        .expect("the variable is in upper case");
    cases.case("tests/cmd/*/*.toml");
}
