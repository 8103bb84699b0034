//! What the name of a filesystem says about it.

pub use stardust_shared::names::{is_image, is_remote};

/// Not storage.
const NOT_STORAGE: &[&str] = &[
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "functionfs",
    "fusectl",
    "hugetlbfs",
    "ipathfs",
    "mqueue",
    "nfsd",
    "none",
    "nsfs",
    "nullfs",
    "openpromfs",
    "pipefs",
    "proc",
    "pstore",
    "ramfs",
    "resctrl",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "usbfs",
    "xenfs",
];
/// Another view of storage that is counted already.
const SEEN_TWICE: &[&str] = &[
    "ecryptfs",
    "esdfs",
    "fuse.bindfs",
    "fuse.cryfs",
    "fuse.encfs",
    "fuse.fuse-overlayfs",
    "fuse.gocryptfs",
    "fuse.securefs",
    "sdcardfs",
    "shiftfs",
    "wrapfs",
];
/// A process shows something that is not a disk: settings, archives, phones.
const NOT_STORAGE_FUSE: &[&str] = &[
    "fuse",
    "fuse.archivemount",
    "fuse.cgmfs",
    "fuse.dislocker",
    "fuse.fuse-zip",
    "fuse.gvfs-fuse-daemon",
    "fuse.gvfsd-fuse",
    "fuse.ifuse",
    "fuse.jmtpfs",
    "fuse.kio-fuse",
    "fuse.lxcfs",
    "fuse.mtpfs",
    "fuse.pmxcfs",
    "fuse.portal",
    "fuse.rar2fs",
    "fuse.ratarmount",
    "fuse.revokefs-fuse",
    "fuse.rofiles-fuse",
    "fuse.simple-mtpfs",
    "fuse.vmware-vmblock",
];
/// Kinds whose statfs adds up numbers in memory and waits for no disk.
const QUICK: &[&str] = &["ext2", "ext3", "ext4", "vfat", "f2fs", "ubifs", "jffs2"];

fn is_in(list: &[&str], fs_type: &[u8]) -> bool {
    list.iter().any(|name| name.as_bytes() == fs_type)
}

/// Not storage, or storage that is seen elsewhere.
pub fn is_no_storage(fs_type: &[u8]) -> bool {
    is_in(NOT_STORAGE, fs_type) || is_in(SEEN_TWICE, fs_type) || is_in(NOT_STORAGE_FUSE, fs_type)
}

pub fn is_quick(fs_type: &[u8]) -> bool {
    is_in(QUICK, fs_type)
}

pub fn is_overlay(fs_type: &[u8]) -> bool {
    matches!(fs_type, b"overlay" | b"overlayfs" | b"aufs" | b"unionfs")
}
