use std::io::{Error, ErrorKind};

use super::*;

const TOKEN: &str = "dG9rZW4tb2YtYS1ub2Rl";

fn files(path: &Path) -> std::io::Result<FileText> {
    let (text, mode) = match path.to_str().unwrap() {
        "/t" => (format!("{TOKEN}\n"), 0o600),
        "/open" => (TOKEN.into(), 0o644),
        "/empty" => (" \n".into(), 0o600),
        "/two" => ("a\nb".into(), 0o600),
        "/conf" => (
            "# settings\n\nserver = ws://gc:8933\ntoken_file=\"/t\"\n  interval_ms = 1000  \n\
             ring_bytes = 65536\nroot = /host\nca_file = /ca.pem\n"
                .into(),
            0o644,
        ),
        "/conf-token" => (format!("server=ws://gc\ntoken={TOKEN}\n"), 0o640),
        "/conf-bad" => ("server = ws://gc\nsrever = x\n".into(), 0o600),
        "/conf-line" => ("\n\nnonsense\n".into(), 0o600),
        "/conf-family" => (
            "family = iface=veth* keep\nfamily = \"mount=/srv/a b leave-out\"\nnew_after_ms=0\n"
                .into(),
            0o600,
        ),
        "/conf-rule" => ("\nfamily = iface=veth*\n".into(), 0o600),
        "/conf-empty" => ("server =\n".into(), 0o600),
        _ => return Err(Error::from(ErrorKind::NotFound)),
    };
    Ok(FileText { text, mode })
}

fn with_token(args: &[&str], token: Option<&str>) -> Result<Outcome> {
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    parse(&Input {
        args: &args,
        token: token.map(str::to_owned),
        env: &|_| None,
        read: &files,
    })
}

fn config(args: &[&str]) -> Config {
    match with_token(args, None) {
        Ok(Outcome::Run(config)) => *config,
        other => panic!("{other:?}"),
    }
}

fn error(args: &[&str]) -> String {
    with_token(args, None).unwrap_err().0
}

#[test]
fn flags_in_both_spellings() {
    let spaced = config(&[
        "--server",
        "wss://gc/x",
        "--token-file",
        "/t",
        "--interval",
        "200",
        "--root",
        "/r",
        "--ring-bytes",
        "65536",
        "--ca-file",
        "/ca",
    ]);
    let equals = config(&[
        "--server=wss://gc/x",
        "--token-file=/t",
        "--interval=200",
        "--root=/r",
        "--ring-bytes=65536",
        "--ca-file=/ca",
    ]);
    assert_eq!(spaced, equals);
    assert_eq!(spaced.interval_ms, 200);
    assert_eq!(spaced.ring_bytes, 65536);
    assert_eq!(spaced.root, Path::new("/r"));
    assert_eq!(spaced.ca_file.as_deref(), Some(Path::new("/ca")));
    assert_eq!(spaced.token, Some(Secret::new(TOKEN.to_owned())));
    assert_eq!(spaced.mode, Mode::Link);
    assert!(spaced.warnings.is_empty());
}

#[test]
fn defaults_and_modes() {
    let once = config(&["--once"]);
    assert_eq!(once.mode, Mode::Once);
    assert_eq!((once.interval_ms, once.ring_bytes), (5000, 512 << 10));
    assert_eq!(once.root, Path::new("/"));
    assert_eq!(config(&["--stdout"]).mode, Mode::Stdout);
    assert_eq!(config(&["--stdout", "--once"]).mode, Mode::Once);
    assert_eq!(with_token(&["--help"], None), Ok(Outcome::Help));
    assert_eq!(with_token(&["-V"], None), Ok(Outcome::Version));
}

#[test]
fn flags_win_over_the_config_file() {
    let from_file = config(&["--config", "/conf"]);
    assert_eq!(from_file.server, ServerUrl::parse("ws://gc:8933").ok());
    assert_eq!((from_file.interval_ms, from_file.ring_bytes), (1000, 65536));
    assert_eq!(from_file.root, Path::new("/host"));
    assert_eq!(from_file.token, Some(Secret::new(TOKEN.to_owned())));
    assert!(from_file.warnings.is_empty());
    let both = config(&[
        "--interval",
        "300",
        "--config",
        "/conf",
        "--server",
        "ws://other",
    ]);
    assert_eq!(both.interval_ms, 300);
    assert_eq!(both.server.unwrap().host, "other");
}

#[test]
fn the_token_comes_from_flag_then_environment_then_config() {
    let token = |args: &[&str], env| match with_token(args, env) {
        Ok(Outcome::Run(config)) => config.token.unwrap().expose().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(token(&["--server=ws://gc"], Some("env")), "env");
    assert_eq!(
        token(&["--server=ws://gc", "--token-file=/t"], Some("env")),
        TOKEN
    );
    assert_eq!(token(&["--config=/conf-token"], Some("env")), "env");
    assert_eq!(token(&["--config=/conf-token"], None), TOKEN);
}

#[test]
fn files_that_others_can_read_get_a_warning() {
    let flag = config(&["--server=ws://gc", "--token-file=/open"]);
    assert!(
        flag.warnings[0].contains("chmod 600 /open"),
        "{:?}",
        flag.warnings
    );
    let file = config(&["--config=/conf-token"]);
    assert!(file.warnings[0].contains("chmod 600 /conf-token"));
}

#[test]
fn errors_say_what_and_what_next() {
    for (args, words) in [
        (&["--token", "x"][..], "--token-file"),
        (&["--token=x"], "arguments"),
        (&[], "--server"),
        (&["--server=ws://gc"], "STARDUST_TOKEN"),
        (&["--sever", "x"], "'--sever'"),
        (&["x"], "'x'"),
        (&["--server"], "needs a value"),
        (&["--server", "--once"], "needs a value"),
        (&["--server="], "empty"),
        (&["--server", "http://gc"], "--server: use ws://"),
        (&["--once=yes"], "no value"),
        (&["--interval", "199"], "200 to 3600000"),
        (&["--interval", "3600001"], "3600000"),
        (&["--interval", "-5"], "--interval: must be a whole number"),
        (&["--interval", "+500"], "whole number"),
        (&["--interval", "99999999999999999999"], "whole number"),
        (&["--interval", "1e3\u{1b}[2J"], "'1e3?[2J'"),
        (&["--ring-bytes", "65535"], "65536"),
        (&["--ring-bytes", "268435457"], "268435456"),
        (&["--config", "/nowhere"], "can't read /nowhere"),
        (
            &["--config", "/conf-bad"],
            "/conf-bad line 2: unknown key 'srever'",
        ),
        (
            &["--config", "/conf-line"],
            "/conf-line line 3: not a `key = value` line",
        ),
        (
            &["--config", "/conf-empty"],
            "line 1: 'server' has no value",
        ),
        (
            &["--server=ws://gc", "--token-file=/nowhere"],
            "can't read /nowhere",
        ),
        (
            &["--server=ws://gc", "--token-file=/empty"],
            "token is empty",
        ),
        (
            &["--server=ws://gc", "--token-file=/two"],
            "not a node token",
        ),
    ] {
        let error = error(args);
        assert!(error.contains(words), "{args:?}: {error}");
    }
}

#[test]
fn bounds_are_accepted() {
    assert_eq!(
        config(&["--once", "--interval=3600000"]).interval_ms,
        3_600_000
    );
    assert_eq!(
        config(&["--once", "--ring-bytes=268435456"]).ring_bytes,
        256 << 20
    );
}

#[test]
fn hostile_tokens_do_not_reach_the_header_nor_the_screen() {
    for token in [
        "a\r\nX: y",
        "a b",
        "é",
        "\0",
        &"x".repeat(TOKEN_BYTES_MAX + 1),
    ] {
        let error = with_token(&["--server=ws://gc"], Some(token))
            .unwrap_err()
            .0;
        assert!(
            !error.contains("X: y") && error.contains(TOKEN_VARIABLE),
            "{error}"
        );
    }
}

const PIN: &str = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

#[test]
fn pins_add_up_to_four_and_a_malformed_one_says_how_to_make_one() {
    let base = ["--server=wss://gc", "--token-file=/t"];
    let pins = |count: usize| -> Vec<&str> {
        base.into_iter()
            .chain((0..count).flat_map(|_| ["--pin", PIN]))
            .collect()
    };
    assert_eq!(config(&pins(4)).pins, [Pin::parse(PIN).unwrap(); 4]);
    assert!(config(&pins(0)).pins.is_empty());
    assert!(error(&pins(5)).contains("more than 4"));
    let plain = ["--server=ws://gc", "--token-file=/t", "--pin", PIN];
    assert!(error(&plain).contains("needs wss://"));
    for bad in ["sha256/x", "md5/abc", "x"] {
        let error = error(&[base[0], base[1], "--pin", bad]);
        assert!(
            error.starts_with("--pin: ") && error.contains("openssl"),
            "{error}"
        );
    }
}

#[test]
fn the_ring_file_takes_as_much_as_the_ring_unless_told() {
    let base = ["--server=ws://gc", "--token-file=/t"];
    let with = |more: &[&str]| config(&[&base[..], more].concat());
    assert_eq!(
        (with(&[]).ring_file, with(&[]).ring_file_bytes),
        (None, 512 << 10)
    );
    let given = with(&["--ring-file=/r", "--ring-bytes=65536"]);
    assert_eq!(given.ring_file.as_deref(), Some(Path::new("/r")));
    assert_eq!(given.ring_file_bytes, 65536);
    assert_eq!(with(&["--ring-file-bytes", "65537"]).ring_file_bytes, 65537);
    let most = [base[0], base[1], "--ring-file-bytes=1"];
    assert!(error(&most).contains("65536 to 268435456"));
}

#[test]
fn the_environment_may_name_a_proxy() {
    let args: Vec<String> = ["--server=wss://gc", "--token-file=/t"]
        .map(str::to_owned)
        .into();
    let parse = |value: &str| {
        parse(&Input {
            args: &args,
            token: None,
            env: &|name| (name == "https_proxy").then(|| value.to_owned()),
            read: &files,
        })
    };
    match parse("http://p:3128") {
        Ok(Outcome::Run(config)) => assert_eq!(config.proxy.unwrap().port, 3128),
        other => panic!("{other:?}"),
    }
    assert!(
        parse("socks5://p")
            .unwrap_err()
            .0
            .starts_with("https_proxy: ")
    );
}

#[test]
fn rules_by_name_say_what_is_wrong_with_them_and_where() {
    let config_of = |args: &[&str]| config(&[&["--stdout"], args].concat());
    let none = config_of(&[]);
    assert_eq!(none.rules, Rules::default());
    assert_eq!(none.rules.new_after_ms, 60_000);
    let given = config_of(&["--family", "iface=tap* sum", "--new-after=0"]);
    let mut rules = Rules::new_after(0);
    rules.add("iface=tap* sum").unwrap();
    assert_eq!(given.rules, rules);
    let wrong = error(&["--stdout", "--family", "veth* drop"]);
    assert!(
        wrong.starts_with("--family: 'veth* drop': a rule is LABEL=PATTERN ACTION"),
        "{wrong}"
    );
    let wrong = error(&["--stdout", "--family", "mount=/srv/* sum"]);
    assert!(wrong.contains("can't be added up"), "{wrong}");
    let mut rules = Rules::new_after(0);
    rules.add("iface=veth* keep").unwrap();
    rules.add("mount=/srv/a b leave-out").unwrap();
    assert_eq!(config_of(&["--config", "/conf-family"]).rules, rules);
    let wrong = error(&["--stdout", "--config", "/conf-rule"]);
    assert!(
        wrong.starts_with("/conf-rule line 2: 'iface=veth*': a rule is"),
        "{wrong}"
    );
    let wrong = error(&["--stdout", "--new-after", "3600001"]);
    assert!(wrong.contains("from 0 to 3600000"), "{wrong}");
}
