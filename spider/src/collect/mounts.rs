//! Which mounts are filesystems to report: /proc/self/mountinfo, judged.
//!
//! Left out are: what is not storage (proc, tmpfs, …); images that are always
//! full (squashfs of snaps, ISO images); overlays other than the root, which
//! are containers on storage that is counted already; second mounts of the same
//! filesystem (bind mounts, btrfs subvolumes); what a container manager shows of
//! its own machine; and everything that another
//! machine or a user's process answers for (NFS, CIFS, FUSE, …), since asking a
//! hung one never returns and samples would stop. The same holds for whatever
//! is mounted below one of those.

use super::text::{Words, find, lines, unescape_octal};

/// One mount that is reported.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    pub point: Vec<u8>,
    pub fs_type: Vec<u8>,
}

/// Not storage, or an image that never changes.
const NOT_STORAGE: &[&str] = &[
    "autofs",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "cramfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "functionfs",
    "fusectl",
    "hugetlbfs",
    "ipathfs",
    "iso9660",
    "mqueue",
    "nfsd",
    "none",
    "nsfs",
    "nullfs",
    "pipefs",
    "proc",
    "pstore",
    "ramfs",
    "resctrl",
    "romfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "usbfs",
    "xenfs",
];
/// Answered by another machine or by a process: may hang.
const REMOTE: &[&str] = &[
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "fuse",
    "fuseblk",
    "gfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "panfs",
    "pvfs2",
    "smb3",
    "smbfs",
    "sshfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];
/// Files that container managers mount from the host into every container.
const CONTAINER_FILES: &[&str] = &[
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/run/.containerenv",
    "/.dockerenv",
];

/// Where container managers put what belongs to the machine around the container
/// (systemd's container interface): its disk is not this one's.
const CONTAINER_HOST: &[u8] = b"/run/host";

/// A line of mountinfo, still escaped.
struct Line<'a> {
    device: &'a [u8],
    point: &'a [u8],
    fs_type: &'a [u8],
}

fn parse_line(line: &[u8]) -> Option<Line<'_>> {
    let mut words = Words(line);
    words.number()?;
    words.number()?;
    let device = words.next()?;
    find(device, b':')?;
    let _root_within_device = words.next()?;
    let point = words.next()?;
    if !point.starts_with(b"/") {
        return None;
    }
    let _options = words.next()?;
    words.find(|word| *word == b"-")?;
    let fs_type = words.next()?;
    words.next()?;
    Some(Line {
        device,
        point,
        fs_type,
    })
}

fn is_in(list: &[&str], fs_type: &[u8]) -> bool {
    list.iter().any(|name| name.as_bytes() == fs_type)
}

fn is_remote(fs_type: &[u8]) -> bool {
    is_in(REMOTE, fs_type) || fs_type.starts_with(b"fuse.")
}

fn is_overlay(fs_type: &[u8]) -> bool {
    matches!(fs_type, b"overlay" | b"overlayfs" | b"aufs" | b"unionfs")
}

fn is_below(point: &[u8], above: &[u8]) -> bool {
    point
        .strip_prefix(above)
        .is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// The mounts to report, in the kernel's order, and how many storage mounts
/// were over `max`.
pub fn parse_mountinfo(bytes: &[u8], max: usize) -> (Vec<Mount>, u64) {
    let all: Vec<Line<'_>> = lines(bytes).filter_map(parse_line).collect();
    let remote: Vec<&[u8]> = all
        .iter()
        .filter(|line| is_remote(line.fs_type) && line.point != b"/")
        .map(|line| line.point)
        .collect();
    let mut kept: Vec<&Line<'_>> = Vec::new();
    for (index, line) in all.iter().enumerate() {
        let is_root = line.point == b"/";
        let reported = if is_root {
            // Whatever runs this program has answered already.
            line.fs_type != b"rootfs" && line.fs_type != b"squashfs"
        } else {
            !is_in(NOT_STORAGE, line.fs_type)
                && !is_overlay(line.fs_type)
                && !is_in(CONTAINER_FILES, line.point)
                && !is_below(line.point, b"/dev")
                && !is_below(line.point, CONTAINER_HOST)
                && !remote
                    .iter()
                    .any(|above| line.point == *above || is_below(line.point, above))
        };
        // A later mount at the same place hides this one.
        let hidden = || {
            all[index + 1..]
                .iter()
                .any(|later| later.point == line.point)
        };
        if !reported || hidden() {
            continue;
        }
        match kept.iter_mut().find(|other| other.device == line.device) {
            Some(other) if line.point.len() < other.point.len() => *other = line,
            Some(_) => {}
            None => kept.push(line),
        }
    }
    let over = kept.len().saturating_sub(max) as u64;
    kept.truncate(max);
    let mounts = kept
        .iter()
        .map(|line| Mount {
            point: unescape_octal(line.point).collect(),
            fs_type: unescape_octal(line.fs_type).collect(),
        })
        .collect();
    (mounts, over)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str, max: usize) -> (Vec<String>, u64) {
        let (mounts, over) = parse_mountinfo(text.as_bytes(), max);
        let show = |m: &Mount| {
            format!(
                "{} {}",
                String::from_utf8_lossy(&m.point),
                String::from_utf8_lossy(&m.fs_type)
            )
        };
        (mounts.iter().map(show).collect(), over)
    }

    #[test]
    fn one_filesystem_counts_once_by_its_shortest_mount_point() {
        let text = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
21 20 0:5 / /proc rw - proc proc rw\n\
22 20 8:1 /srv /srv/bind rw shared:1 master:2 - ext4 /dev/sda1 rw\n\
23 20 8:2 /@home /home/users rw - btrfs /dev/sda2 rw\n\
24 20 8:2 /@ /data rw - btrfs /dev/sda2 rw\n\
25 20 7:3 / /snap/core/1 ro - squashfs /dev/loop3 ro\n\
26 20 8:5 / /mnt/a\\040b rw - f2fs /dev/sda5 rw\n";
        let expected = ["/ ext4", "/data btrfs", "/mnt/a b f2fs"];
        assert_eq!(points(text, 9), (expected.map(String::from).to_vec(), 0));
        assert_eq!(points(text, 2).1, 1);
    }

    #[test]
    fn what_may_hang_is_left_out_with_all_below_it() {
        let text = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
21 20 0:50 / /nas rw - nfs4 nas:/x rw\n\
22 21 8:17 / /nas/local rw - ext4 /dev/sdb1 rw\n\
23 20 8:33 / /nas2 rw - xfs /dev/sdc1 rw\n\
24 20 0:51 / /home/u/cloud rw - fuse.rclone r: rw\n\
25 20 8:49 / /media/win rw - fuseblk /dev/sdd1 rw\n";
        assert_eq!(points(text, 9).0, ["/ ext4", "/nas2 xfs"]);
    }

    #[test]
    fn the_mount_on_top_is_the_one_that_is_seen() {
        let text = "\
20 1 0:2 / / rw - rootfs rootfs rw\n\
21 1 0:30 / / rw - overlay overlayfs:/overlay rw\n\
22 21 8:1 / /data rw - ext4 /dev/sda1 rw\n\
23 22 0:40 / /data rw - tmpfs tmpfs rw\n\
24 21 0:41 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n\
25 21 254:1 /c/hosts /etc/hosts rw - ext4 /dev/vda1 rw\n\
26 21 254:1 /v/_data /volume rw - ext4 /dev/vda1 rw\n";
        assert_eq!(points(text, 9).0, ["/ overlay", "/volume ext4"]);
    }

    /// Recorded in a container of systemd-nspawn, on a machine whose /run is on its disk.
    #[test]
    fn the_machine_around_a_container_is_not_the_container() {
        let text = "\
108 85 0:40 / / rw,relatime shared:3 - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c\n\
114 108 0:46 / /run rw,nosuid,nodev shared:8 - tmpfs tmpfs rw,size=4936732k,mode=755\n\
115 114 0:46 /host /run/host ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs rw,mode=755\n\
116 115 254:0 /usr/lib/os-release /run/host/os-release ro,nosuid shared:9 - ext4 /dev/vda rw\n\
117 115 254:0 /run/systemd/nspawn/propagate/x /run/host/incoming ro master:11 - ext4 /dev/vda rw\n\
119 114 254:0 /run/systemd/nspawn/propagate/x /run/host/incoming rw shared:11 - ext4 /dev/vda rw\n";
        assert_eq!(points(text, 9).0, ["/ overlay"]);
        // What it was given on purpose counts, though it is the same disk.
        let volume = "120 108 254:0 /srv/data /data rw shared:9 - ext4 /dev/vda rw\n";
        let text = format!("{text}{volume}");
        assert_eq!(points(&text, 9).0, ["/ overlay", "/data ext4"]);
    }

    #[test]
    fn hostile_lines_are_skipped() {
        for text in [
            "",
            "\n",
            "20 1 8:1 / / rw - ext4",
            "20 1 8:1 / / rw ext4 /dev/sda1 rw\n",
            "20 1 8:1 / / rw - \n",
            "x 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
            "20 1 81 / / rw - ext4 /dev/sda1 rw\n",
            "20 1 8:1 / mnt rw - ext4 /dev/sda1 rw\n",
        ] {
            assert_eq!(points(text, 9), (vec![], 0), "{text:?}");
        }
    }
}
