use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::super::remote::Remote as _;
use super::super::remote::{Upload, Uploaded};
use super::super::testing::{Kind, Server};
use super::super::{Cause, Fault};
use super::{openssh, servers};

const LONG: Duration = Duration::from_secs(60);

fn data() -> Vec<u8> {
    (0..5u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn names(server: &Server, folder: &str) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(server.folder.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn upload(server: &Server, path: &str, data: &[u8], by_shell: bool) -> Result<Uploaded, Fault> {
    server.login().upload(
        &Upload {
            data,
            path,
            mode: 0o755,
            by_shell,
        },
        LONG,
    )
}

#[test]
fn a_file_arrives_whole_with_its_mode_and_nothing_beside_it() {
    let data = data();
    for server in servers() {
        std::fs::create_dir(server.folder.join("to")).unwrap();
        let path = server.folder.join("to/it's a \"file\"");
        for by_shell in [false, true] {
            // The second one replaces the first.
            let how = upload(&server, path.to_str().unwrap(), &data, by_shell).unwrap();
            let shell = by_shell || server.kind == Kind::Dropbear;
            assert_eq!(
                how,
                if shell {
                    Uploaded::ByShell
                } else {
                    Uploaded::BySftp
                }
            );
            assert!(std::fs::read(&path).unwrap() == data);
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
                0o755
            );
            assert_eq!(names(&server, "to"), ["it's a \"file\""]);
        }
    }
}

#[test]
fn a_server_without_sftp_gets_it_by_the_shell() {
    let Some(server) = openssh() else { return };
    *server.extra.lock().unwrap() = "Subsystem sftp /no/such/sftp-server\n".into();
    let path = server.folder.join("file");
    let how = upload(&server, path.to_str().unwrap(), b"small", false).unwrap();
    assert_eq!(how, Uploaded::ByShell);
    assert_eq!(std::fs::read(&path).unwrap(), b"small");
}

#[test]
fn what_can_not_be_written_is_told_and_leaves_nothing() {
    let data = data();
    for server in servers() {
        let cause = |path: &str| upload(&server, path, &data, false).unwrap_err().cause;
        assert_eq!(cause("/no/such/folder/file"), Cause::Failed);
        assert_eq!(cause("relative"), Cause::BadTarget);
        assert_eq!(cause("/tmp/"), Cause::BadTarget);
        // A folder cannot be replaced by a file, and the part is removed again.
        std::fs::create_dir_all(server.folder.join("to/file/inner")).unwrap();
        let path = server.folder.join("to/file");
        std::fs::write(path.join("inner/file"), "").unwrap();
        let _ = upload(&server, path.to_str().unwrap(), b"x", false);
        assert_eq!(names(&server, "to"), ["file"]);
    }
}

#[test]
fn a_full_disk_is_told_as_one() {
    let Some(server) = openssh() else { return };
    // The shell that receives the file may write no more than this.
    *server.extra.lock().unwrap() =
        "ForceCommand ulimit -f 64; trap '' XFSZ; eval \"$SSH_ORIGINAL_COMMAND\"\n".into();
    std::fs::create_dir(server.folder.join("to")).unwrap();
    let path = server.folder.join("to/file");
    let fault = upload(&server, path.to_str().unwrap(), &data(), true).unwrap_err();
    assert_eq!(fault.cause, Cause::NoSpace, "{fault}");
    assert_eq!(names(&server, "to"), Vec::<String>::new());
}
