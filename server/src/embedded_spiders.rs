//! The Spiders inside this program, for installing on nodes and for the demo.

/// Where Spiders to install come from, before those inside this program.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--agent-binary`: one for all nodes.
    pub file: Option<std::path::PathBuf>,
    /// `--agent-dir`: one for each architecture, `stardust-spider-ARCH`.
    pub folder: Option<std::path::PathBuf>,
}

/// Architecture (`x86_64`, `aarch64`, `armv7`) and executable.
static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/spiders.rs"));

/// The architecture that this program was built for.
pub const NATIVE_ARCH: &str = env!("STARDUST_NATIVE_ARCH");

/// The Spider for the machine that this program runs on.
pub fn native() -> &'static [u8] {
    // build.rs fails without one, so this is never empty.
    for_arch(NATIVE_ARCH).unwrap_or_default()
}

/// The built-in Spider for an architecture, if there is one.
pub fn for_arch(arch: &str) -> Option<&'static [u8]> {
    BUILT_IN
        .iter()
        .find(|(name, _)| *name == arch)
        .map(|(_, bytes)| *bytes)
}

/// Architectures that there are built-in Spiders for.
pub fn arches() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(arch, _)| *arch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_native_spider_is_an_elf_file_for_this_machine() {
        let spider = native();
        assert_eq!(&spider[..4], b"\x7fELF");
        assert!(spider.len() > 100_000, "{} bytes", spider.len());
        // e_machine: what the ELF header says it runs on.
        let machine = match NATIVE_ARCH {
            "x86_64" => 62,
            "aarch64" => 183,
            "armv7" => 40,
            other => panic!("no Spider is made for {other}"),
        };
        assert_eq!(u16::from_le_bytes([spider[18], spider[19]]), machine);
        assert!(arches().any(|arch| arch == NATIVE_ARCH));
        assert!(for_arch("pdp11").is_none());
    }
}
