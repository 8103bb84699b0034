//! What the README says to type, typed.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::json;

use crate::common::{Folder, Process, read_answer, request_bytes};

const README: &str = include_str!("../../../README.md");

/// The first block of shell behind that heading.
fn block(heading: &str) -> &'static str {
    let at = README.find(&format!("\n{heading}\n")).expect(heading);
    let (_, rest) = README[at..].split_once("```sh\n").expect("a block");
    rest.split("```").next().unwrap()
}

/// *Run it*, in a clone where the program was built.
fn run_it(folder: &Folder) -> Process {
    let lines = block("## Run it");
    let build = "cargo build --release -p stardust-server\n";
    let rest = lines.strip_prefix(build).expect("it is built first");
    // Another program may have the port.
    let script = rest.replace("--bind 0.0.0.0\n", "--bind 0.0.0.0 --port 0\n");
    assert_ne!(script, rest, "others are to reach it");
    // In the shell's place, so that its end is waited for and not the shell's alone.
    let at = script
        .rfind("./target/release/stardust-server")
        .expect("it is started");
    let script = format!("{}exec {}", &script[..at], &script[at..]);
    let mut command = Command::new("sh");
    command
        .args(["-euc", &script])
        .current_dir(folder.join("clone"))
        .env("HOME", folder.join("home"))
        .env("TMPDIR", folder.path());
    for name in [
        "STARDUST_SECRET",
        "STARDUST_ADMIN_USER",
        "STARDUST_ADMIN_PASS",
    ] {
        command.env_remove(name);
    }
    Process::start("the README", &mut command)
}

#[test]
fn run_it_works_as_typed_and_from_another_machines_browser() {
    let folder = Folder::new("readme");
    std::fs::create_dir_all(folder.join("clone/target/release")).unwrap();
    std::fs::create_dir(folder.join("home")).unwrap();
    let program = folder.join("clone/target/release/stardust-server");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_stardust-server"), program).unwrap();

    let mut process = run_it(&folder);
    let line = process.line_with("listens on http");
    let port: u16 = line.rsplit(':').next().unwrap().trim().parse().unwrap();
    let told = process.line_with("The first login is admin");
    let (_, rest) = told.split_once("with the password ").unwrap();
    let password = rest.split(',').next().unwrap().to_owned();
    // As a browser asks that was given the address of this machine.
    let ask = |method: &str, target: &str, body: Option<&serde_json::Value>| {
        let host = format!("192.0.2.7:{port}");
        let origin = format!("http://{host}");
        let headers = [("Origin", origin.as_str())];
        let bytes = request_bytes(method, target, &host, &headers, body);
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&bytes).unwrap();
        read_answer(&mut BufReader::new(stream)).unwrap()
    };
    assert_eq!(ask("GET", "/", None).status, 200);
    let login = json!({"user": "admin", "password": password});
    let answer = ask("POST", "/api/auth/login", Some(&login));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["must_change_password"], true);
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let meta = std::fs::metadata(folder.join("home/stardust-data").join(name)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!(
        (mode("."), mode("secret"), mode("stardust.db")),
        (0o700, 0o600, 0o600)
    );
    drop(process);

    // Typed again it goes on with what there is.
    let mut process = run_it(&folder);
    process.line_with("listens on http");
    process.line_with("A one-time password still holds");
}
