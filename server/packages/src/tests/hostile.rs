//! Names that must not get through, and outputs that no tool would print.

use super::golden;
use crate::Manager;
use crate::readers::read_all;
use crate::request::{Action, PackageRequest, query};

#[test]
fn good_names_of_each_manager() {
    for (manager, names) in [
        (
            Manager::Apt,
            &[
                "libstdc++6",
                "g++",
                "foo:amd64",
                "nginx=1:1.22.1-9+deb12u1~bpo1",
                "0ad",
                "libc6:i386=2.36-9",
                "lab-odd.name+x",
            ][..],
        ),
        (
            Manager::Dnf,
            &[
                "libstdc++",
                "kernel-core",
                "NetworkManager",
                "nginx=1:1.20.1-14.el9^2",
                "foo.x86_64",
            ],
        ),
        (Manager::Dnf5, &["python3.12", "gcc-c++"]),
        (Manager::Yum, &["httpd"]),
        (
            Manager::Pacman,
            &["gtk2+extra", "python-requests", "r8168@lts", "_x"],
        ),
        (
            Manager::Apk,
            &["libstdc++", "py3-requests", "nginx=1.24.0-r16"],
        ),
        (Manager::Zypper, &["libstdc++6", "yast2-ftp-server"]),
        (Manager::Opkg, &["kmod-usb-storage", "libstdcpp6"]),
    ] {
        for name in names {
            assert!(
                PackageRequest::new(manager, Action::Install, &[(*name).to_owned()], false, None)
                    .is_ok(),
                "{manager:?} {name}"
            );
        }
    }
}

#[test]
fn bad_names_of_all_managers() {
    let long = "a".repeat(201);
    for manager in Manager::ALL {
        for name in [
            "",
            "-y",
            "--allow-unauthenticated",
            "a b",
            "a;b",
            "a&b",
            "a|b",
            "$(id)",
            "`id`",
            "a\nb",
            "a\0b",
            "a'b",
            "a\"b",
            "a\\b",
            "a>b",
            "a<b",
            "a*",
            "a?",
            "[a]",
            "{a}",
            "a!",
            "~a",
            "#a",
            "a/b",
            "./a.deb",
            "/etc/passwd",
            "http://x/a.rpm",
            "..",
            "a\u{202e}b",
            "\u{e9}",
            "a\tb",
            "@group/x y",
            "a=",
            "a==1",
            "=1",
            ":amd64",
            "a=-1",
            "a=1;b",
            "a:-b",
            "a:b:c",
            "a=$(id)",
            "foo-",
            &long,
        ] {
            for action in [
                Action::Install,
                Action::Remove,
                Action::Hold,
                Action::Unhold,
            ] {
                assert!(
                    PackageRequest::new(manager, action, &[name.to_owned()], false, None).is_err(),
                    "{manager:?} {name:?}"
                );
            }
        }
        let many: Vec<String> = (0..101).map(|n| format!("p{n}")).collect();
        assert!(PackageRequest::new(manager, Action::Install, &many, false, None).is_err());
        assert!(PackageRequest::new(manager, Action::Install, &many[..100], false, None).is_ok());
        assert!(
            PackageRequest::new(manager, Action::Repair, &[], false, Some("rm -rf /")).is_err()
        );
        assert!(
            PackageRequest::new(manager, Action::Remove, &["a1=1".into()], false, None).is_err()
        );
    }
    for text in [
        "",
        " ",
        "-y",
        "a\nb",
        "$(id)",
        "a;b",
        "a'b",
        "a*",
        &"x".repeat(65),
    ] {
        assert!(query(text).is_err(), "{text:?}");
    }
    for text in ["nginx", "g++", "web server", "lib.so.6", "größe"] {
        assert!(query(text).is_ok(), "{text}");
    }
}

/// Names that get through are single words of the command; the longest command
/// fits into one argument of the login shell.
#[test]
fn the_commands_hold_the_names_as_they_are() {
    let names: Vec<String> = (0..100)
        .map(|n| format!("{}{n}", "a".repeat(190)))
        .collect();
    for manager in Manager::ALL {
        for action in Action::ALL {
            let backend = manager.backend();
            if !backend.actions().contains(&action) {
                continue;
            }
            let given = match action {
                Action::Install | Action::Remove | Action::Hold | Action::Unhold => &names[..],
                _ => &[],
            };
            let what = (action == Action::Repair).then(|| backend.repairs()[0]);
            let request = PackageRequest::new(manager, action, given, false, what).unwrap();
            for phase in backend.phases(&request).unwrap() {
                let text = String::from_utf8(phase.command.text().to_vec()).unwrap();
                for name in given {
                    assert!(
                        text.contains(&format!("'{name}'")),
                        "{manager:?} {action:?}"
                    );
                }
                assert!(text.len() < 60_000);
                // A shell reads it without complaint.
                let output = std::process::Command::new("sh")
                    .args(["-n", "-c", &text])
                    .output()
                    .unwrap();
                assert!(
                    output.status.success(),
                    "{manager:?} {action:?}: {output:?}"
                );
            }
            if action.changes_packages() {
                let question = backend.preview(&request);
                let arguments: Vec<&[u8]> =
                    question.arguments.iter().map(|a| a.as_bytes()).collect();
                let command = crate::sections::command("m", &question.scripts, &arguments).unwrap();
                let text = String::from_utf8(command.text().to_vec()).unwrap();
                let output = std::process::Command::new("sh")
                    .args(["-n", "-c", &text])
                    .output()
                    .unwrap();
                assert!(
                    output.status.success(),
                    "{manager:?} {action:?}: {output:?}"
                );
            }
        }
        let mut all = vec![
            crate::survey::DETECT,
            crate::survey::HOLDERS,
            crate::survey::COMMON,
        ];
        all.extend_from_slice(manager.backend().survey());
        all.push(manager.backend().installed());
        let command = crate::sections::command("m", &all, &[]).unwrap();
        let text = String::from_utf8(command.text().to_vec()).unwrap();
        let output = std::process::Command::new("sh")
            .args(["-n", "-c", &text])
            .output()
            .unwrap();
        assert!(output.status.success(), "{manager:?}: {output:?}");
    }
}

/// Every recording to every reader, whole, cut at any line, with lines swapped
/// and with odd characters in it. The seed is printed by the assertion's text.
#[test]
fn no_words_upset_a_reader() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below.max(1) as u64) as usize
    };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_stem().and_then(|n| n.to_str()) else {
            continue;
        };
        if path.extension().and_then(|e| e.to_str()) != Some("txt") {
            continue;
        }
        let text = golden::sample(name);
        count += 1;
        read_all(&text, &[count % 2]);
        {
            let mut lines: Vec<&str> = text.lines().collect();
            let odd = [
                "\u{202e}é",
                " \u{1b}[31m",
                "|||",
                "()",
                "[",
                "(1/",
                "- -",
                "=",
                ": ",
                "-> ",
                "9999999999999999999999",
            ];
            for _ in 0..4 {
                let (a, b) = (next(lines.len()), next(lines.len()));
                if a < lines.len() && b < lines.len() {
                    lines.swap(a, b);
                }
            }
            let mut all = lines.join("\n");
            let mut at = next(all.len());
            while !all.is_char_boundary(at) {
                at -= 1;
            }
            all.insert_str(at, odd[next(odd.len())]);
            at = next(all.len());
            while !all.is_char_boundary(at) {
                at -= 1;
            }
            all.truncate(at);
            read_all(&all, &[0]);
        }
    }
    assert!(count > 100, "{count}");
    for text in [
        "", "\n\n", "\u{0}", "|", " |", "(", ")", "Inst  (", "Inst a [", "Remv ", "error: ", "E: ",
        ":\n:",
    ] {
        read_all(text, &[0, 1]);
    }
    read_all(&"x".repeat(1 << 16), &[0]);
    read_all(&"a/b 1 c [upgradable from: 0]\n".repeat(3_000), &[0]);
}
