//! Which Spider is right for a node, and whether a file is one.

use crate::secret::hex;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::libc::{self, Needs};
use crate::embedded_spiders;
use crate::embedded_spiders::Sources;
use crate::major_tom::facts::Facts;
use crate::major_tom::fault::{Cause, Fault, printable};

/// A file that is larger is no Spider.
const BYTES_MAX: u64 = 64 << 20;

/// The executable for an architecture.
pub struct Spider {
    pub arch: String,
    pub bytes: Vec<u8>,
    pub sha256: String,
    pub(super) needs: Needs,
}

impl Spider {
    /// Refuses a node that lacks what it needs to run; in words, for the step.
    pub fn fits(&self, facts: &Facts) -> Result<String, Fault> {
        libc::judge(&self.arch, &self.needs, facts)
    }
}

/// `--agent-binary`, else `--agent-dir`, else what is built in.
pub fn choose(sources: &Sources, arch: Option<&str>) -> Result<Spider, Fault> {
    if let Some(file) = &sources.file {
        let bytes = read(file)?;
        let found = arch_of(&bytes).ok_or_else(|| not_one(file))?;
        return match arch {
            Some(arch) if arch != found => Err(Fault::new(
                Cause::Unsupported,
                format!("The node is {arch}, and --agent-binary is a Spider for {found}."),
                "Use --agent-dir with a Spider for each architecture.",
            )),
            _ => Ok(spider(found.to_owned(), bytes)),
        };
    }
    let Some(arch) = arch else {
        return Err(Fault::new(
            Cause::Unsupported,
            "The node does not tell its architecture.",
            "Name the right Spider with --agent-binary.",
        ));
    };
    let in_folder = sources
        .folder
        .as_ref()
        .map(|folder| folder.join(format!("stardust-spider-{arch}")))
        .filter(|file| file.is_file());
    if let Some(file) = in_folder {
        let bytes = read(&file)?;
        if arch_of(&bytes) != Some(arch) {
            return Err(not_one(&file));
        }
        return Ok(spider(arch.to_owned(), bytes));
    }
    match embedded_spiders::for_arch(arch) {
        Some(bytes) => Ok(spider(arch.to_owned(), bytes.to_vec())),
        None => Err(Fault::new(
            Cause::Unsupported,
            format!("There is no Spider for {} here.", printable(arch)),
            "Build one (cross/), and name its folder with --agent-dir.",
        )),
    }
}

fn spider(arch: String, bytes: Vec<u8>) -> Spider {
    let sha256 = hex(&Sha256::digest(&bytes));
    Spider {
        // What can't be read is left to the node, which tries it before it counts.
        needs: libc::read(&bytes).unwrap_or_default(),
        arch,
        bytes,
        sha256,
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    let failed = |why: String| {
        Fault::new(
            Cause::Failed,
            format!("The Spider {} can't be read: {why}.", file.display()),
            "Correct --agent-binary or --agent-dir.",
        )
    };
    stardust_base::files::read_small(file, BYTES_MAX).map_err(failed)
}

fn not_one(file: &Path) -> Fault {
    Fault::new(
        Cause::Unsupported,
        format!(
            "{} is no Spider for any architecture that is known.",
            file.display()
        ),
        "Build one (cross/), and name it or its folder.",
    )
}

/// From the ELF header.
fn arch_of(bytes: &[u8]) -> Option<&'static str> {
    let header = bytes.first_chunk::<20>()?;
    if &header[..4] != b"\x7fELF" || header[5] != 1 {
        return None;
    }
    match (header[4], u16::from_le_bytes([header[18], header[19]])) {
        (2, 62) => Some("x86_64"),
        (2, 183) => Some("aarch64"),
        (1, 40) => Some("armv7"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_base::testing::Folder;

    #[test]
    fn the_built_in_one_and_named_ones() {
        let folder = Folder::new();
        let mut sources = Sources::default();
        let own = choose(&sources, Some(embedded_spiders::NATIVE_ARCH)).unwrap();
        assert_eq!(own.bytes, embedded_spiders::native());
        assert_eq!(own.sha256.len(), 64);
        assert_eq!(
            choose(&sources, Some("pdp11")).err().unwrap().cause,
            Cause::Unsupported
        );
        assert!(choose(&sources, None).is_err());

        let mut arm = b"\x7fELF\x01\x01".to_vec();
        arm.resize(18, 0);
        arm.extend_from_slice(&[40, 0, 1]);
        std::fs::write(folder.join("stardust-spider-armv7"), &arm).unwrap();
        std::fs::write(folder.join("stardust-spider-aarch64"), &arm).unwrap();
        sources.folder = Some(folder.path().to_owned());
        assert_eq!(choose(&sources, Some("armv7")).unwrap().bytes, arm);
        // A file with the name of another architecture.
        assert!(choose(&sources, Some("aarch64")).is_err());

        sources.file = Some(folder.join("stardust-spider-armv7"));
        assert_eq!(choose(&sources, Some("armv7")).unwrap().arch, "armv7");
        assert_eq!(choose(&sources, None).unwrap().arch, "armv7");
        let why = choose(&sources, Some("x86_64")).err().unwrap().detail;
        assert!(why.contains("x86_64") && why.contains("armv7"), "{why}");
        sources.file = Some(folder.join("none"));
        assert!(
            choose(&sources, None)
                .err()
                .unwrap()
                .detail
                .contains("can't be read")
        );
        std::fs::write(folder.join("text"), "#!/bin/sh\n").unwrap();
        sources.file = Some(folder.join("text"));
        assert!(
            choose(&sources, None)
                .err()
                .unwrap()
                .detail
                .contains("no Spider")
        );
    }
}
