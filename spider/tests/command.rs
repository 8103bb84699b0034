//! The command as an operator meets it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Scratch, spider, value};

#[test]
fn help_and_version_go_to_stdout() {
    let help = spider(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for flag in [
        "--server",
        "--token-file",
        "--config",
        "--interval",
        "--root",
        "--ring-bytes",
        "--stdout",
        "--once",
        "--ca-file",
        "--version",
        "STARDUST_TOKEN",
    ] {
        assert!(text.contains(flag), "{flag}");
    }
    let version = spider(&["--version"]);
    let expected = format!("stardust-spider {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
}

#[test]
fn wrong_commands_end_with_2_and_say_what_to_do() {
    for (args, words) in [
        (&[][..], "--server"),
        (&["--token", "hunter2"], "--token-file"),
        (&["--once", "--interval", "1"], "200 to 3600000"),
        (&["--once", "--root", "/no/such/dir"], "not a directory"),
        (&["--frobnicate"], "--help"),
    ] {
        let output = spider(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{stderr}");
        assert!(!stderr.contains("hunter2") && output.stdout.is_empty());
    }
}

#[test]
fn a_config_file_is_used() {
    let here = Scratch::new("config");
    here.write("root/proc/uptime", "7.00 1.00\n");
    here.write(
        "spider.conf",
        format!("# test\nroot = {}\n", here.0.join("root").display()),
    );
    let conf = here.0.join("spider.conf");
    let output = spider(&["--once", "--config", conf.to_str().unwrap()]);
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(value(&line, "system.uptime_ms"), Some(7000));
    here.write("spider.conf", "root = /\ninterval = 5\n");
    let output = spider(&["--once", "--config", conf.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 2: unknown key 'interval'"));
}

fn stream(interval_ms: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_stardust-spider"))
        .args(["--stdout", "--interval", interval_ms])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn lines_come_at_the_interval_and_a_closed_pipe_ends_it_quietly() {
    let mut child = stream("200");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut times = Vec::new();
    for _ in 0..6 {
        let line = lines.next().unwrap().unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        times.push(parsed["time_ms"].as_i64().unwrap());
        assert!(parsed["series"]["system.uptime_ms"].is_i64());
    }
    let took_ms = times[5] - times[0];
    assert!(
        (800..3000).contains(&took_ms),
        "5 intervals of 200 ms took {took_ms} ms"
    );
    drop(lines);
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it goes on writing into a closed pipe");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(stderr, "");
}

#[test]
fn the_token_does_not_stay_in_the_environment() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stardust-spider"))
        .args(["--stdout", "--interval", "200"])
        .env("STARDUST_TOKEN", "visible-token")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut first)
        .unwrap();
    let environ = fs::read(format!("/proc/{}/environ", child.id())).unwrap();
    let cmdline = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    for bytes in [environ, cmdline] {
        assert!(!String::from_utf8_lossy(&bytes).contains("visible-token"));
    }
}
