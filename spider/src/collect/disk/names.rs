//! Which block devices are disks, by their names and by sysfs.

use crate::root::Root;

/// Whether `name` is one of the kinds that are no disks.
pub fn is_no_disk(name: &[u8]) -> bool {
    let numbered = |prefix: &[u8]| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
    };
    if numbered(b"loop") || numbered(b"ram") || numbered(b"sr") || numbered(b"fd") {
        return true;
    }
    if numbered(b"zram") || numbered(b"mtdblock") || numbered(b"ubiblock") {
        return true;
    }
    if name.starts_with(b"mmcblk") {
        // Hardware partitions of an eMMC that hold the boot loader.
        let tail = name.iter().rposition(|&b| b == b'b').unwrap_or(0);
        return name[tail..].starts_with(b"boot") || name.ends_with(b"rpmb");
    }
    is_nvme_path(name)
}

/// One path of a multipath NVMe namespace (nvme0c1n1), counted as nvme0n1.
fn is_nvme_path(name: &[u8]) -> bool {
    name.starts_with(b"nvme") && name[4..].contains(&b'c')
}

/// Whether `path` is one of those to the namespace `head`: nvme0c1n1 to nvme0n1.
pub fn is_path_to(path: &[u8], head: &[u8]) -> bool {
    if !is_nvme_path(path) {
        return false;
    }
    let Some(controller) = path.iter().position(|&b| b == b'c') else {
        return false;
    };
    let (subsystem, rest) = path.split_at(controller);
    let digits = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && head.strip_prefix(subsystem) == Some(&rest[1 + digits..])
}

/// Whether a name alone looks like that of a partition, for when sysfs is not there.
fn looks_like_partition(name: &[u8]) -> bool {
    let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let stem = &name[..name.len() - digits];
    if digits == 0 {
        return false;
    }
    if [&b"sd"[..], b"vd", b"xvd", b"hd"]
        .iter()
        .any(|prefix| stem.starts_with(prefix))
    {
        return true;
    }
    // nvme0n1p2, mmcblk0p1, md127p1, nbd0p1
    stem.strip_suffix(b"p")
        .and_then(|stem| stem.last())
        .is_some_and(u8::is_ascii_digit)
}

/// A slash in a device's name (cciss/c0d0) is a ! in sysfs.
pub fn sysfs_name(name: &[u8]) -> String {
    String::from_utf8_lossy(name).replace('/', "!")
}

/// Whether sysfs, or else the name, says that `name` is a whole device.
pub fn is_whole(root: &Root, name: &[u8]) -> bool {
    let text = sysfs_name(name);
    if text.starts_with('.') {
        return false;
    }
    let device = root.sys("class/block").join(&text);
    if device.exists() {
        !device.join("partition").exists()
    } else if root.sys("block").join(&text).exists() {
        true
    } else {
        !looks_like_partition(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_belong_to_their_namespace() {
        assert!(is_path_to(b"nvme0c0n1", b"nvme0n1"));
        assert!(is_path_to(b"nvme12c3n21", b"nvme12n21"));
        for (path, head) in [
            ("nvme0c0n1", "nvme0n2"),
            ("nvme0c0n1", "nvme1n1"),
            ("nvme0c0n1", "nvme0n11"),
            ("nvme0n1", "nvme0n1"),
            ("nvmec", "nvme"),
            ("sdc", "sd"),
        ] {
            assert!(!is_path_to(path.as_bytes(), head.as_bytes()), "{path}");
        }
    }

    #[test]
    fn names_tell_kinds() {
        for name in [
            "loop0",
            "ram1",
            "sr0",
            "fd0",
            "zram0",
            "mmcblk0boot0",
            "mmcblk0boot1",
            "mmcblk0rpmb",
            "nvme0c1n1",
            "mtdblock3",
            "ubiblock0_0",
        ] {
            assert!(is_no_disk(name.as_bytes()), "{name}");
        }
        for name in [
            "sda",
            "srv",
            "vda",
            "xvda",
            "hda",
            "nvme0n1",
            "mmcblk0",
            "mmcblk1p2",
            "md0",
            "dm-0",
            "zd0",
            "nbd0",
            "bcache0",
            "ramdisk",
        ] {
            assert!(!is_no_disk(name.as_bytes()), "{name}");
        }
        for name in [
            "sda1",
            "vda15",
            "xvda1",
            "hdb3",
            "nvme0n1p1",
            "mmcblk0p2",
            "md127p1",
        ] {
            assert!(looks_like_partition(name.as_bytes()), "{name}");
        }
        for name in [
            "sda", "nvme0n1", "mmcblk0", "md0", "dm-12", "zd16", "nbd0", "7", "p1",
        ] {
            assert!(!looks_like_partition(name.as_bytes()), "{name}");
        }
    }
}
