//! POST /api/nodes/check: what a host is, and what a deployment would meet there.

use serde_json::json;

use crate::control::{Control, login};
use crate::host::{Host, Kind};
use crate::snapshot::{Snapshot, assert_untouched};

#[test]
#[ignore = "boots real hosts"]
fn each_kind_of_host_is_recognised() {
    for (kind, os, init, packages) in [
        (Kind::Debian, "debian", "systemd", Some("apt")),
        (Kind::OpenRc, "debian", "openrc", Some("apt")),
        (Kind::Router, "openwrt", "procd", None),
    ] {
        let host = Host::boot(kind);
        let control = Control::start();
        let report = control.check_confirmed(&login(&host, "root"));
        let facts = report.facts();
        assert_eq!(facts["os"]["id"], os, "{report}");
        assert_eq!(facts["init"], init, "{report}");
        assert_eq!(facts["package_manager"], json!(packages), "{report}");
        assert_eq!(facts["arch"], "x86_64");
        let name = host.shell("hostname");
        assert_eq!(facts["hostname"], name.trim());
        assert_eq!(facts["server"]["ok"], true, "{report}");
        assert!(
            facts["clock_skew_ms"].as_i64().unwrap().abs() < 60_000,
            "{facts}"
        );
        for folder in facts["folders"].as_array().unwrap() {
            assert_eq!(folder["read_only"], false, "{folder}");
            let free = folder["free_bytes"].as_u64().unwrap();
            assert!(free > 64 << 20, "{folder}");
        }
    }
}

#[test]
#[ignore = "boots real hosts"]
fn a_full_disk_is_told_and_the_check_itself_needs_none() {
    for (kind, place) in [(Kind::Debian, "/usr/local/bin"), (Kind::Router, "/etc")] {
        let host = Host::boot_with(kind, &["size=48m"]);
        let control = Control::start();
        // Until nothing more fits.
        host.try_shell("cat /dev/zero >/fill 2>/dev/null; cat /dev/zero >/fill2");
        let report = control.check_confirmed(&login(&host, "root"));
        report.assert_fails("space", "no_space", &format!("{place} has 0 KiB left"));
    }
}

#[test]
#[ignore = "boots real hosts"]
fn mounts_that_matter_are_seen() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = login(&host, "deploy");
    host.shell("mount -o remount,noexec /tmp");
    let report = control.check_confirmed(&body);
    // The Spider is not run from there.
    assert!(report.ok(), "{report}");
    let tmp = report.facts()["folders"].as_array().unwrap().clone();
    let tmp = tmp.iter().find(|folder| folder["path"] == "/tmp").unwrap();
    assert_eq!(tmp["noexec"], true, "{tmp}");

    host.shell("mount --bind /usr /usr && mount -o remount,bind,ro /usr");
    let report = control.check_confirmed(&body);
    // As a deployment does it.
    assert!(report.ok(), "{report}");
    let detail = report.detail("space");
    assert!(detail.contains("/var/lib/stardust"), "{detail}");

    host.shell("mount --bind /var/lib /var/lib && mount -o remount,bind,ro /var/lib");
    let report = control.check_confirmed(&body);
    report.assert_fails("space", "read_only", "/usr/local/bin is mounted read-only");
}

/// As on a Raspberry Pi OS of 32 bits with a kernel of 64.
#[test]
#[ignore = "boots real hosts"]
fn programs_of_32_bits_on_a_kernel_of_64_are_seen() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let shell = host.root().join("usr/bin/sh32");
    std::fs::write(&shell, shell_of_32_bits("/usr/bin/dash")).unwrap();
    host.shell("chmod 755 /usr/bin/sh32 && sh32 -c true && ln -sf sh32 /usr/bin/sh");
    let before = Snapshot::of(&host);
    let report = control.check_confirmed(&login(&host, "deploy"));
    assert_eq!(report.facts()["machine"], "x86_64", "{report}");
    assert_eq!(report.facts()["arch"], "i686", "{report}");
    report.assert_fails("architecture", "unsupported", "no Spider for i686");
    // And none of the kernel's kind is put there.
    let (_, work) = control.deploy(&login(&host, "deploy"));
    let job = work.fails("unsupported");
    assert!(
        job["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("--agent-dir"),
        "{job:#}"
    );
    assert_untouched(&host, &before);
}

/// A program for i386 that becomes `shell`, with the same arguments.
fn shell_of_32_bits(shell: &str) -> Vec<u8> {
    const AT: u32 = 0x0804_8000;
    const HEADERS: u32 = 52 + 32;
    // mov eax,[esp]; lea ecx,[esp+4]; lea edx,[esp+eax*4+8]; mov ebx,shell;
    // mov eax,11; int 80h; mov eax,1; mov ebx,126; int 80h
    let mut code = b"\x8b\x04\x24\x8d\x4c\x24\x04\x8d\x54\x84\x08\xbb".to_vec();
    let after = b"\xb8\x0b\0\0\0\xcd\x80\xb8\x01\0\0\0\xbb\x7e\0\0\0\xcd\x80";
    let name = AT + HEADERS + (code.len() + 4 + after.len()) as u32;
    code.extend(name.to_le_bytes());
    code.extend(after);
    code.extend(shell.as_bytes());
    code.push(0);
    let size = HEADERS + code.len() as u32;
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // An executable for i386, where it begins, and one segment that is all of it.
    for half in [2_u16, 3] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, AT + HEADERS, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, 0, AT, AT, size, size, 5, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

/// What a host calls itself is a text and nothing more, here and there.
#[test]
#[ignore = "boots real hosts"]
fn a_host_with_a_hostile_name_is_deployed_like_any_other() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    host.is_called(b"a'\"`touch /run/hit`$(touch /run/hit);<b>|&\x1b[2J");
    host.shell(
        r#"rm /etc/os-release
        printf 'ID=debian\nPRETTY_NAME="$(touch /run/hit)<script>\001"\n' >/etc/os-release"#,
    );
    let before = Snapshot::of(&host);
    let body = login(&host, "deploy");
    let report = control.check_confirmed(&body);
    assert!(report.ok(), "{report}");
    let facts = report.facts();
    let name = facts["hostname"].as_str().unwrap();
    assert!(name.starts_with("a'\"`touch /run/hit`$(touch"), "{name}");
    assert!(!name.contains(char::is_control), "{name}");
    assert_eq!(facts["os"]["name"], "$(touch /run/hit)<script> ", "{facts}");
    let node = control.deployed(&body);
    control.remove(node);
    assert!(!host.root().join("run/hit").exists());
    assert_untouched(&host, &before);
}

#[test]
#[ignore = "boots real hosts"]
fn a_host_that_does_not_reach_ground_control_says_so_with_each_of_its_tools() {
    let host = Host::boot(Kind::Debian);
    let control = Control::start();
    let body = login(&host, "root");
    for tool in ["curl", "bash"] {
        if tool == "bash" {
            host.shell("mv /usr/bin/curl /usr/bin/curl.away");
        }
        let there = control.check_confirmed(&body);
        assert!(there.ok(), "{tool}: {there}");
    }
    host.lose_ground_control();
    for tool in ["bash", "curl"] {
        if tool == "curl" {
            host.shell("mv /usr/bin/curl.away /usr/bin/curl");
        }
        let report = control.check_confirmed(&body);
        report.assert_fails("server", "unreachable", "http://198.19.0.1:");
        let hint = report.step("server")["hint"].as_str().unwrap();
        assert!(hint.contains("firewall"), "{tool}: {hint}");
    }
    // wget, GNU's and busybox's.
    for kind in [Kind::OpenRc, Kind::Router] {
        let host = Host::boot(kind);
        let body = login(&host, "root");
        assert_eq!(control.check_confirmed(&body).facts()["server"]["ok"], true);
        host.lose_ground_control();
        let report = control.check_confirmed(&body);
        assert_eq!(report.cause("server"), "unreachable", "{report}");
    }
}
