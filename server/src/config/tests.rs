use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::auth::{PASSWORD_BYTES_MAX, USER_CHARS_MAX};
use crate::error::{Error, Kind};

const SECRET: (&str, &str) = ("STARDUST_SECRET", "0123456789abcdef");

fn run(args: &[&str], env: &[(&str, &str)]) -> Result<Command, Error> {
    parse(args.iter().map(OsString::from), |name| {
        env.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.into())
    })
}

fn config(args: &[&str], env: &[(&str, &str)]) -> Config {
    match run(args, env).unwrap() {
        Command::Run(config) => *config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_are_those_of_the_readme() {
    let config = config(&[], &[SECRET]);
    assert_eq!(config.port, 8933);
    assert_eq!(config.binds, [Listen::parse("127.0.0.1").unwrap()]);
    assert_eq!(config.db.to_str(), Some("stardust.db"));
    assert_eq!(config.commit_interval_ms, 10_000);
    assert_eq!(config.interval_ms, None);
    assert_eq!(config.ssh_threads, 8);
    assert_eq!(config.admin.user, "admin");
    assert_eq!(config.admin.password.expose(), "admin");
    assert!(!config.demo && config.trusted_proxies.is_empty());
}

#[test]
fn both_ways_to_write_a_value() {
    let config = config(
        &[
            "--port=0",
            "--bind",
            "::",
            "--bind=unix:/run/stardust/gate.sock",
            "--bind=::",
            "--db=/var/lib/a=b.db",
            "--server-url=https://stardust.example/",
            "--interval",
            "1000",
            "--commit-interval=100",
            "--trusted-proxy",
            "10.0.0.1",
            "--trusted-proxy=[::1]",
            "--trusted-proxy=192.168.0.0/16",
            "--agent-binary",
            "/opt/spider",
            "--agent-dir=/opt/spiders",
        ],
        &[
            SECRET,
            ("STARDUST_ADMIN_USER", "ziggy"),
            ("STARDUST_ADMIN_PASS", "played guitar"),
        ],
    );
    assert_eq!(config.port, 0);
    let binds: Vec<String> = config.binds.iter().map(Listen::to_string).collect();
    assert_eq!(binds, ["::", "unix:/run/stardust/gate.sock"]);
    assert_eq!(config.db.to_str(), Some("/var/lib/a=b.db"));
    assert_eq!(
        config.server_url.unwrap().to_string(),
        "wss://stardust.example"
    );
    assert_eq!(config.interval_ms, Some(1000));
    assert_eq!(config.commit_interval_ms, 100);
    let proxies: Vec<String> = config
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(proxies, ["10.0.0.1", "::1", "192.168.0.0/16"]);
    assert_eq!(config.admin.user, "ziggy");
    assert_eq!(config.admin.password.expose(), "played guitar");
    assert_eq!(config.agent_dir.unwrap().to_str(), Some("/opt/spiders"));
    assert_eq!(config.agent_binary.unwrap().to_str(), Some("/opt/spider"));
}

#[test]
fn logs_are_plain_unless_json_is_asked_for_and_metrics_have_a_token_of_their_own() {
    let default = config(&[], &[SECRET]);
    assert_eq!(default.log_format, log::Format::Plain);
    assert_eq!(default.metrics_token_file, None);
    let asked = config(
        &["--log-format=json", "--metrics-token-file", "/etc/token"],
        &[SECRET],
    );
    assert_eq!(asked.log_format, log::Format::Json);
    assert_eq!(asked.metrics_token_file, Some("/etc/token".into()));
    let plain = config(&["--log-format", "plain"], &[SECRET]);
    assert_eq!(plain.log_format, log::Format::Plain);
}

#[test]
fn hostile_values_are_usage_errors() {
    for args in [
        &["--nonsense"][..],
        &["stray"],
        &[""],
        &["-"],
        &["--"],
        &["=x"],
        &["--port"],
        &["--port", ""],
        &["--port", "65536"],
        &["--port", "-1"],
        &["--port", "+1"],
        &["--port", "99999999999999999999999"],
        &["--port", "８０"],
        &["--bind", "0.0.0.0:80"],
        &["--bind", "example.org"],
        &["--bind="],
        &["--bind=unix:"],
        &["--bind=unix:relative"],
        &["--trusted-proxy=10.0.0.0/33"],
        &["--trusted-proxy=proxy.example"],
        &["--db="],
        &["--db", "a\0b"],
        &["--interval", "199"],
        &["--interval", "3600001"],
        &["--commit-interval", "99"],
        &["--commit-interval", "600001"],
        &["--commit-interval", "1e3"],
        &["--server-url", "stardust.example"],
        &["--server-url", "https://a/'$(id)'"],
        &["--trusted-proxy", "10.0.0.0/x"],
        &["--log-format"],
        &["--log-format", "xml"],
        &["--log-format="],
        &["--log-format", "JSON"],
        &["--metrics-token-file"],
        &["--metrics-token-file="],
        &["--metrics-token-file", "a\0b"],
        &["--ssh-threads", "0"],
        &["--ssh-threads", "65"],
        &["--demo=yes"],
        &["--help=1"],
    ] {
        let error = run(args, &[SECRET]).expect_err(&format!("{args:?}"));
        assert_eq!(error.kind, Kind::Usage, "{args:?}: {error}");
        assert_eq!(error.kind.exit_code(), 2);
    }
    // Not UTF-8, as a flag and as a value.
    for bytes in [&b"\xff"[..], b"--\xff", b"--port=\xff"] {
        let error = parse([OsString::from_vec(bytes.to_vec())], |_| None).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
    }
    let many = vec!["--trusted-proxy=10.0.0.1"; 65];
    assert_eq!(run(&many, &[SECRET]).unwrap_err().kind, Kind::Usage);
}

#[test]
fn bounds_themselves_are_accepted() {
    assert_eq!(
        config(&["--interval=200"], &[SECRET]).interval_ms,
        Some(200)
    );
    assert_eq!(
        config(&["--commit-interval", "600000"], &[SECRET]).commit_interval_ms,
        600_000
    );
    assert_eq!(config(&["--port", "65535"], &[SECRET]).port, 65_535);
}

#[test]
fn a_missing_or_short_secret_says_how_to_make_one() {
    for env in [
        &[][..],
        &[("STARDUST_SECRET", "")],
        &[("STARDUST_SECRET", "fifteen-letters")],
        // 8 characters, though 16 bytes.
        &[("STARDUST_SECRET", "éééééééé")],
    ] {
        let error = run(&[], env).unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        assert!(
            error.to_string().contains("openssl rand -hex 32"),
            "{error}"
        );
        assert!(!error.to_string().contains("fifteen"), "{error}");
    }
    let long = "x".repeat(SECRET_BYTES_MAX + 1);
    assert!(run(&[], &[("STARDUST_SECRET", &long)]).is_err());
    assert!(config(&["--demo"], &[]).secret.is_none());
    // A secret that is set counts in the demo too, and so does its check.
    assert!(run(&["--demo"], &[("STARDUST_SECRET", "short")]).is_err());
}

#[test]
fn help_and_version_need_no_secret() {
    assert!(matches!(run(&["--help"], &[]), Ok(Command::Help)));
    assert!(matches!(run(&["--version"], &[]), Ok(Command::Version)));
    // But a mistake before them is still a mistake.
    assert!(run(&["--nonsense", "--help"], &[]).is_err());
}

#[test]
fn hostile_admin_names_are_refused() {
    for user in ["a\nb", " admin", "x\u{7f}", &"x".repeat(USER_CHARS_MAX + 1)] {
        let error = run(&[], &[SECRET, ("STARDUST_ADMIN_USER", user)]).unwrap_err();
        assert_eq!(error.kind, Kind::Config, "{user:?}");
    }
    let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
    assert!(run(&[], &[SECRET, ("STARDUST_ADMIN_PASS", &long)]).is_err());
}

#[test]
fn nothing_secret_is_in_the_debug_output() {
    let config = config(
        &[],
        &[
            ("STARDUST_SECRET", "tell-nobody-about-this"),
            ("STARDUST_ADMIN_PASS", "nor-about-that"),
        ],
    );
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("tell-nobody") && !shown.contains("nor-about"),
        "{shown}"
    );
}

#[test]
fn rekey_takes_both_secrets_from_the_environment() {
    let new = ("STARDUST_SECRET_NEW", "fedcba9876543210");
    match run(&["rekey", "--db", "x.db"], &[SECRET, new]).unwrap() {
        Command::Rekey(given) => {
            assert_eq!(given.db.to_str(), Some("x.db"));
            assert_eq!(given.old.expose(), SECRET.1);
            assert_eq!(given.new.expose(), new.1);
        }
        other => panic!("{other:?}"),
    }
    let message = |args: &[&str], env: &[(&str, &str)]| run(args, env).unwrap_err().message;
    assert!(message(&["rekey"], &[SECRET]).contains("STARDUST_SECRET_NEW"));
    assert!(message(&["rekey"], &[new]).contains("STARDUST_SECRET is not set"));
    let short = ("STARDUST_SECRET_NEW", "short");
    assert!(message(&["rekey"], &[SECRET, short]).contains("STARDUST_SECRET_NEW is shorter"));
    assert!(message(&["rekey", "--port", "1"], &[SECRET, new]).contains("--port"));
    assert!(run(&["rekey", "--db"], &[SECRET, new]).is_err());
    // Only as the first word.
    assert!(run(&["--demo", "rekey"], &[SECRET, new]).is_err());
}

#[test]
fn the_help_names_every_flag() {
    for flag in [
        "--port",
        "--bind",
        "--db",
        "--agent-binary",
        "--agent-dir",
        "--server-url",
        "--tls-cert",
        "--tls-key",
        "--keep-raw",
        "--keep-minute",
        "--keep-hour",
        "--history-budget",
        "--metrics-token-file",
        "--log-format",
        "--demo",
        "--commit-interval",
        "--interval",
        "--trusted-proxy",
        "--ssh-threads",
        "--packages-refresh",
        "--help",
        "--version",
    ] {
        assert!(HELP.contains(&format!("  {flag} ")), "{flag}");
    }
}

#[test]
fn history_is_kept_as_long_and_as_much_as_was_asked_for() {
    const DAY_MS: i64 = 86_400_000;
    let kept = config(
        &[
            "--keep-raw=36h",
            "--keep-minute",
            "8w",
            "--keep-hour=10y",
            "--history-budget=2g",
        ],
        &[SECRET],
    );
    assert_eq!(
        kept.history.keep_ms,
        [36 * DAY_MS / 24, 56 * DAY_MS, 3650 * DAY_MS]
    );
    assert_eq!(kept.history.budget_bytes, Some(2 << 30));
    assert_eq!(
        config(&["--keep-raw=3"], &[SECRET]).history.keep_ms[0],
        3 * DAY_MS
    );
    for wrong in [
        "--keep-raw=0",
        "--keep-raw=91d",
        "--keep-raw=-1d",
        "--keep-hour=101y",
        "--keep-hour=d",
        "--keep-hour=",
        "--keep-minute=7m",
        "--keep-minute=99999999999999999999",
        "--history-budget=31M",
        "--history-budget=1 G",
        "--history-budget=é",
    ] {
        let error = run(&[wrong], &[SECRET]).unwrap_err();
        assert_eq!(error.kind, Kind::Usage, "{wrong}");
    }
}

#[test]
fn packages_are_looked_at_as_often_as_was_asked_for() {
    let every = |arg: &str| config(&[arg], &[SECRET]).packages_refresh_ms;
    assert_eq!(
        config(&[], &[SECRET]).packages_refresh_ms,
        Some(86_400_000),
        "a day"
    );
    assert_eq!(every("--packages-refresh=1"), Some(60_000));
    assert_eq!(every("--packages-refresh=90m"), Some(5_400_000));
    assert_eq!(every("--packages-refresh=12h"), Some(43_200_000));
    assert_eq!(every("--packages-refresh=52w"), Some(52 * 604_800_000));
    assert_eq!(every("--packages-refresh=never"), None);
    for wrong in ["0", "53w", "366d", "-1d", "1y", "", "h", "Never", "1 h"] {
        let error = run(&[&format!("--packages-refresh={wrong}")], &[SECRET]).unwrap_err();
        assert_eq!(error.kind, Kind::Usage, "{wrong}");
    }
}

#[test]
fn a_backup_needs_no_secret_but_a_file() {
    let given = |args: &[&str]| match run(args, &[]) {
        Ok(Command::Backup(backup)) => Ok((backup.file, backup.db)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.kind),
    };
    let default = ("a.db".into(), DB_DEFAULT.into());
    assert_eq!(given(&["backup", "a.db"]), Ok(default));
    let named = ("a.db".into(), "b.db".into());
    assert_eq!(given(&["backup", "a.db", "--db=b.db"]), Ok(named.clone()));
    assert_eq!(given(&["backup", "--db", "b.db", "a.db"]), Ok(named));
    for wrong in [
        &["backup"][..],
        &["backup", ""],
        &["backup", "a", "b"],
        &["backup", "a", "--port=1"],
        &["backup", "a", "--db"],
        &["salvage", "a", "b"],
        &["salvage", "a", "--port=1"],
    ] {
        assert_eq!(given(wrong), Err(Kind::Usage), "{wrong:?}");
    }
    for (args, file) in [
        (&["salvage", "--db", "b.db"][..], None),
        (&["salvage", "a.db", "--db=b.db"], Some("a.db".into())),
    ] {
        let Ok(Command::Salvage(given)) = run(args, &[]) else {
            panic!("{args:?}");
        };
        let db = "b.db".into();
        assert_eq!(given, Salvage { db, file });
    }
}
