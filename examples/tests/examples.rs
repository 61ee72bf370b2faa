//! Every example runs to its end; what it promises it asserts itself.

#![allow(unreachable_pub, reason = "`pub fn main` is what lets an example be called from here")]

#[path = "../mark.rs"]
mod mark;
#[path = "../own_reader.rs"]
mod own_reader;
#[path = "../verify.rs"]
mod verify;

#[test]
fn mark_runs() {
    mark::main().unwrap();
}

#[test]
fn verify_runs() {
    verify::main().unwrap();
}

#[test]
fn own_reader_runs() {
    own_reader::main().unwrap();
}
