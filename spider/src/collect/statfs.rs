//! How full a filesystem is: statfs(2), or a fixture machine's own figures.

pub mod helper;

use std::ffi::CStr;

use super::text::{Words, lines, number, unescape_octal};

/// What statfs says, in units of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub block_bytes: Option<i64>,
    pub blocks: Option<i64>,
    pub blocks_free: Option<i64>,
    pub blocks_available: Option<i64>,
    pub files: Option<i64>,
    pub files_free: Option<i64>,
}

/// rclone, s3fs and their like say a pebibyte, or more.
const INVENTED_BYTES_MIN: i64 = 1 << 50;

impl Figures {
    /// Total, free and available bytes, files and free files, as the series
    /// have them. What a filesystem does not count (btrfs: files) is absent.
    pub fn values(&self) -> [Option<i64>; 5] {
        let total = self.bytes(self.blocks).filter(|&bytes| bytes > 0);
        let within = |value: Option<i64>| value.filter(|&value| Some(value) <= total);
        let files = self.files.filter(|&files| files > 0);
        [
            total,
            within(self.bytes(self.blocks_free)),
            within(self.bytes(self.blocks_available)),
            files,
            self.files_free.filter(|&free| Some(free) <= files),
        ]
    }

    /// Nothing more can be written, by root neither.
    pub fn is_full(&self) -> bool {
        self.blocks_free == Some(0)
    }

    /// Figures of a service that has no bounds to tell, so that programs which
    /// look for room go on: all free, and more than anybody has.
    pub fn is_invented(&self) -> bool {
        let total = self.bytes(self.blocks);
        total >= Some(INVENTED_BYTES_MIN) && self.blocks_free == self.blocks
    }

    fn bytes(&self, blocks: Option<i64>) -> Option<i64> {
        blocks?.checked_mul(self.block_bytes.filter(|&bytes| bytes > 0)?)
    }
}

#[cfg(not(target_env = "gnu"))]
use libc::{statfs as Statfs, statfs};
#[cfg(target_env = "gnu")]
use libc::{statfs64 as Statfs, statfs64 as statfs};

/// Asks the kernel about the filesystem at `path`.
pub fn ask(path: &CStr) -> Option<Figures> {
    // SAFETY: an all-zero statfs is a valid value of that plain struct.
    let mut buffer: Statfs = unsafe { std::mem::zeroed() };
    // SAFETY: `path` ends in NUL and `buffer` is a statfs for the kernel to fill.
    if unsafe { statfs(path.as_ptr(), &mut buffer) } != 0 {
        return None;
    }
    // The fields' types differ by target.
    macro_rules! field {
        ($value:expr) => {
            i64::try_from($value).ok()
        };
    }
    Some(Figures {
        block_bytes: field!(buffer.f_frsize)
            .filter(|&bytes| bytes > 0)
            .or(field!(buffer.f_bsize)),
        blocks: field!(buffer.f_blocks),
        blocks_free: field!(buffer.f_bfree),
        blocks_available: field!(buffer.f_bavail),
        files: field!(buffer.f_files),
        files_free: field!(buffer.f_ffree),
    })
}

/// A line of `.stardust-statfs` in a fixture machine:
/// `mount block_bytes blocks free available files files_free`, mount as in mountinfo.
pub fn parse_fixture(bytes: &[u8], mount: &[u8]) -> Option<Figures> {
    lines(bytes).find_map(|line| {
        let mut words = Words(line);
        let point = words.next()?;
        if point.starts_with(b"#") || !unescape_octal(point).eq(mount.iter().copied()) {
            return None;
        }
        let mut next = || words.next().and_then(number);
        Some(Figures {
            block_bytes: next(),
            blocks: next(),
            blocks_free: next(),
            blocks_available: next(),
            files: next(),
            files_free: next(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_this_machine_has_figures_that_fit_together() {
        let [total, free, available, ..] = ask(c"/").unwrap().values();
        assert!(total.unwrap() > 1 << 20);
        assert!(available.unwrap() <= free.unwrap() && free <= total);
        assert_eq!(ask(c"/no/such/place"), None);
    }

    #[test]
    fn figures_that_do_not_fit_are_absent() {
        let figures = |line: &str| parse_fixture(line.as_bytes(), b"/m x").unwrap().values();
        assert_eq!(
            figures("# comment\n/ 1 1 1 1 1 1\n/m\\040x 4096 100 50 40 10 5\n"),
            [409_600, 204_800, 163_840, 10, 5].map(Some)
        );
        assert_eq!(
            figures("/m\\040x 4096 100 50 40 0 0\n"),
            [Some(409_600), Some(204_800), Some(163_840), None, None]
        );
        assert_eq!(
            figures("/m\\040x 4096 100 101 18446744073709551615 10 11\n"),
            [Some(409_600), None, None, Some(10), None]
        );
        assert_eq!(figures("/m\\040x 0 100 50 40 10 5\n")[..3], [None; 3]);
        assert_eq!(
            figures("/m\\040x 4096 4611686018427387904 1 1\n"),
            [None; 5]
        );
        assert_eq!(parse_fixture(b"/m\\040x 1 1", b"/m x"), None);
        let invented = |line: &[u8]| parse_fixture(line, b"/m").unwrap().is_invented();
        assert!(invented(
            b"/m 4096 274877906944 274877906944 274877906944\n"
        ));
        assert!(!invented(b"/m 4096 274877906944 274877906943 1\n"));
        assert!(!invented(b"/m 4096 274877906943 274877906943 1\n"));
    }
}
