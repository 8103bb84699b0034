//! How much of a machine is reported. What is over a bound is left out, and
//! `spider.left_out{subject=…}` says how many.

use stardust_shared::limits::SERIES_MAX;

/// Cores with series of their own; the whole machine counts all of them.
pub const CORES_MAX: usize = 512;
pub const INTERFACES_MAX: usize = 256;
pub const DISKS_MAX: usize = 128;
pub const MOUNTS_MAX: usize = 64;
pub const SENSORS_MAX: usize = 64;
/// Names that were looked at and found not to be reported (partitions), so
/// that they need not be looked at again.
pub const IGNORED_MAX: usize = 1024;
/// A device that was away for this many samples leaves the layout when it
/// changes anyway …
pub const GONE_SAMPLES: u64 = 120;
/// … and after this many in any case.
pub const GONE_SAMPLES_MAX: u64 = 600;
/// Sensors and the like are looked for again after this many samples.
pub const RESCAN_SAMPLES: u16 = 60;

/// Rules by name, ours and the operator's. What is added up by one takes the place of a
/// device.
pub const FAMILIES_MAX: usize = 32;
/// Devices that are added up: of each it must be known what it counted last.
pub const MEMBERS_MAX: usize = 4096;

/// Series of the whole machine, with room to spare.
const OTHER_SERIES: usize = 64;

const _: () = assert!(
    CORES_MAX * super::cpu::MODES.len()
        // What it is, whether it is up, and how fast.
        + INTERFACES_MAX * (super::network::SERIES.len() + 3)
        + DISKS_MAX * super::disk::SERIES.len()
        + MOUNTS_MAX * super::filesystem::SERIES.len()
        + SENSORS_MAX
        + OTHER_SERIES
        <= SERIES_MAX
);
