//! How much of a machine is reported. What is over a bound is left out, and
//! `spider.left_out{subject=…}` says how many.

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
