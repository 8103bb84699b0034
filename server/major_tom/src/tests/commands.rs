use std::time::Duration;

use super::super::Cause;
use super::super::output::Exit;
use super::super::remote::{Remote as _, Stdin};
use super::super::shell::Command;
use super::{openssh, servers};

const LONG: Duration = Duration::from_secs(60);

fn script(text: &'static str) -> Command {
    Command::script(text, &[]).unwrap()
}

#[test]
fn how_a_command_ended_is_told_as_it_was() {
    for server in servers() {
        let session = server.login();
        let exit = |text| session.ask(&script(text), LONG).unwrap().exit;
        assert_eq!(exit("exit 0"), Exit::Code(0));
        assert_eq!(exit("exit 7"), Exit::Code(7));
        assert_eq!(exit("exit 255"), Exit::Code(255));
        assert_eq!(exit("no-such-command-anywhere"), Exit::Code(127));
        // libssh2 has status 0 for these.
        assert_eq!(exit("kill -KILL $$"), Exit::Signal("KILL".into()));
        assert_eq!(exit("kill -TERM $$"), Exit::Signal("TERM".into()));
        // A part of it that is killed is a failure as well.
        assert!(!exit("sh -c 'kill -KILL $$'").is_success());
    }
}

#[test]
fn both_streams_come_in_order_and_a_flood_blocks_nothing() {
    for server in servers() {
        let session = server.login();
        let output = session
            .ask(&script("echo one; echo two >&2; echo three"), LONG)
            .unwrap();
        assert_eq!(output.text(), "one\ntwo\nthree\n");
        let flood = "head -c 8388608 /dev/zero | tr '\\0' e >&2; echo end";
        let mut seen = 0;
        let output = session
            .run(&script(flood), Stdin::Nothing, LONG, &mut |b| {
                seen += b.len()
            })
            .unwrap();
        assert_eq!(seen, 8_388_608 + 4);
        assert!(output.exit.is_success() && output.left_out > 8_000_000);
        assert!(output.text().ends_with("eend\n"));
    }
}

#[test]
fn input_arrives_and_a_command_that_dies_meanwhile_holds_nobody() {
    let data: Vec<u8> = (0..4 << 20).map(|n: u32| (n % 251) as u8).collect();
    for server in servers() {
        let session = server.login();
        let count = session
            .run(&script("wc -c"), Stdin::Bytes(&data), LONG, &mut |_| {})
            .unwrap();
        assert_eq!(count.text().trim(), data.len().to_string());
        // Its words and its status are still told.
        for (text, status) in [
            ("cat > /no/such/folder", None),
            ("echo gone; exit 4", Some(4)),
        ] {
            let output = session
                .run(&script(text), Stdin::Bytes(&data), LONG, &mut |_| {})
                .unwrap();
            assert!(
                !output.exit.is_success() && !output.text.is_empty(),
                "{output:?}"
            );
            if let Some(status) = status {
                assert_eq!(output.exit, Exit::Code(status));
            }
        }
        // And the session goes on.
        assert_eq!(
            session.ask(&script("echo on"), LONG).unwrap().text(),
            "on\n"
        );
    }
}

/// dropbear ends the connection for a line of more than 9000 bytes.
#[test]
fn a_command_may_be_long_and_have_input_too() {
    let filler = vec![b'\''; 20_000];
    let command = Command::script("printf '%s ' ${#1}; cat", &[&filler]).unwrap();
    for server in servers() {
        let session = server.login();
        let input = Stdin::Bytes(b"its own input");
        let output = session.run(&command, input, LONG, &mut |_| {}).unwrap();
        assert_eq!(output.text(), "20000 its own input");
    }
}

#[test]
fn time_runs_out_for_a_command_that_does_not_end() {
    for server in servers() {
        let session = server.login();
        let fault = session
            .ask(&script("exec sleep 30"), Duration::from_millis(500))
            .unwrap_err();
        assert_eq!(fault.cause, Cause::Timeout);
    }
}

#[test]
fn a_link_that_breaks_is_never_a_success() {
    for server in servers() {
        let session = server.login();
        let mut begun = false;
        let result = session.run(
            &script("echo begun; sleep 30"),
            Stdin::Nothing,
            LONG,
            &mut |_| {
                if !std::mem::replace(&mut begun, true) {
                    server.kill_connections();
                }
            },
        );
        match result {
            Err(fault) => assert_eq!(fault.cause, Cause::Lost, "{fault}"),
            Ok(output) => assert!(!output.exit.is_success(), "{output:?}"),
        }
    }
}

#[test]
fn what_the_login_shell_says_is_cut_and_one_that_runs_nothing_is_told() {
    let Some(server) = openssh() else { return };
    *server.extra.lock().unwrap() =
        "ForceCommand echo Welcome; echo to the machine >&2; eval \"$SSH_ORIGINAL_COMMAND\"\n"
            .into();
    let session = server.login();
    assert_eq!(
        session.ask(&script("echo hello"), LONG).unwrap().text(),
        "hello\n"
    );
    *server.extra.lock().unwrap() =
        "ForceCommand echo This account is not available.; exit 1\n".into();
    let fault = server.login().ask(&script("echo hello"), LONG).unwrap_err();
    assert_eq!(fault.cause, Cause::NoShell);
    assert!(
        fault.detail.contains("This account is not available."),
        "{fault}"
    );
}
