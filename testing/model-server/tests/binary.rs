//! The binary as a test of agents uses it: the port on stdout, the end with stdin.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn it_says_its_port_and_ends_with_stdin() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_model-server"))
        .arg("--exit-with-stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("a line");
    let port = line
        .strip_prefix("PORT ")
        .expect("the port first")
        .trim()
        .parse::<u16>();
    assert!(port.is_ok_and(|port| port > 0));

    drop(child.stdin.take());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_bad_script_is_refused_in_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_model-server"))
        .args(["--script", "/nonexistent/script.json"])
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/script.json"));
}
