//! What a Spider wants of a node's C library, from its ELF file, and whether the
//! node has it. Pure. A Spider that was built with the builder's glibc runs on no
//! older one, and that is to be said before anything is written.

use crate::major_tom::facts::Facts;
use crate::major_tom::fault::{Cause, Fault, printable};

/// More than any program has; what is beyond is damage.
const HEADERS_MAX: usize = 64;
const ENTRIES_MAX: usize = 512;
const NAME_BYTES_MAX: usize = 256;

type Version = (u32, u32);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The program that loads its libraries; without one it needs none.
    pub loader: Option<String>,
    /// The newest version of glibc's that it was linked with.
    pub glibc: Option<Version>,
}

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const DT_STRTAB: u64 = 5;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_VERNEEDNUM: u64 = 0x6fff_ffff;

/// A little-endian ELF file.
struct Elf<'a> {
    bytes: &'a [u8],
    wide: bool,
}

struct Header {
    kind: u64,
    offset: usize,
    address: u64,
    size: usize,
}

impl Elf<'_> {
    fn number(&self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        let fold = |number, byte: &u8| number << 8 | u64::from(*byte);
        Some(bytes.iter().rev().fold(0, fold))
    }

    /// A number as wide as an address.
    fn word(&self, at: usize) -> Option<u64> {
        self.number(at, if self.wide { 8 } else { 4 })
    }

    fn text(&self, at: usize) -> Option<&str> {
        let rest = self.bytes.get(at..)?;
        let end = rest
            .iter()
            .take(NAME_BYTES_MAX)
            .position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }

    fn headers(&self) -> Option<Vec<Header>> {
        let (start, size, count) = if self.wide {
            (32, 54, 56)
        } else {
            (28, 42, 44)
        };
        let start = usize::try_from(self.word(start)?).ok()?;
        let size = usize::try_from(self.number(size, 2)?).ok()?;
        let count = usize::try_from(self.number(count, 2)?).ok()?;
        let (offset, address, length) = if self.wide { (8, 16, 32) } else { (4, 8, 16) };
        let one = |number: usize| {
            let at = start.checked_add(number.checked_mul(size)?)?;
            Some(Header {
                kind: self.number(at, 4)?,
                offset: usize::try_from(self.word(at + offset)?).ok()?,
                address: self.word(at + address)?,
                size: usize::try_from(self.word(at + length)?).ok()?,
            })
        };
        (0..count.min(HEADERS_MAX)).map(one).collect()
    }
}

/// Where in the file an address is.
fn place(headers: &[Header], address: u64) -> Option<usize> {
    headers
        .iter()
        .filter(|header| header.kind == PT_LOAD)
        .find_map(|header| {
            let inside = usize::try_from(address.checked_sub(header.address)?).ok()?;
            let found = header.offset.checked_add(inside)?;
            (inside < header.size).then_some(found)
        })
}

/// None where it is no ELF file or a damaged one.
pub fn read(bytes: &[u8]) -> Option<Needs> {
    let head = bytes.first_chunk::<20>()?;
    if &head[..4] != b"\x7fELF" || head[5] != 1 || !matches!(head[4], 1 | 2) {
        return None;
    }
    let elf = Elf {
        bytes,
        wide: head[4] == 2,
    };
    let headers = elf.headers()?;
    let of_kind = |kind| headers.iter().find(|header| header.kind == kind);
    let loader = match of_kind(PT_INTERP) {
        Some(header) => Some(elf.text(header.offset)?.to_owned()),
        None => None,
    };
    let glibc = match of_kind(PT_DYNAMIC) {
        Some(dynamic) => versions(&elf, &headers, dynamic)?,
        None => None,
    };
    Some(Needs { loader, glibc })
}

/// The newest `GLIBC_…` among the versions that are asked for.
fn versions(elf: &Elf<'_>, headers: &[Header], dynamic: &Header) -> Option<Option<Version>> {
    let step = if elf.wide { 8 } else { 4 };
    let entry = |wanted: u64| {
        (0..(dynamic.size / (2 * step)).min(ENTRIES_MAX)).find_map(|number| {
            let at = dynamic.offset.checked_add(number * 2 * step)?;
            (elf.word(at)? == wanted).then(|| elf.word(at + step))?
        })
    };
    let (Some(texts), Some(needed)) = (entry(DT_STRTAB), entry(DT_VERNEED)) else {
        return Some(None);
    };
    let texts = place(headers, texts)?;
    let mut at = place(headers, needed)?;
    let files = usize::try_from(entry(DT_VERNEEDNUM)?).ok()?;
    let offset = |at: usize| usize::try_from(elf.number(at, 4)?).ok();
    let mut newest = None;
    for _ in 0..files.min(ENTRIES_MAX) {
        let count = usize::try_from(elf.number(at + 2, 2)?).ok()?;
        let mut name_at = at.checked_add(offset(at + 8)?)?;
        for _ in 0..count.min(ENTRIES_MAX) {
            let name = elf.text(texts.checked_add(offset(name_at + 8)?)?)?;
            newest = newest.max(name.strip_prefix("GLIBC_").and_then(version));
            name_at = name_at.checked_add(offset(name_at + 12)?)?;
        }
        at = at.checked_add(offset(at + 12)?)?;
    }
    Some(newest)
}

/// `2.34`, `2.2.5`, `2.36-9+deb12u10`.
fn version(text: &str) -> Option<Version> {
    let mut parts = text.split('.');
    let digits = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit());
        part[..end.unwrap_or(part.len())].parse().ok()
    };
    Some((digits(parts.next()?)?, digits(parts.next()?)?))
}

const STATIC: &str = "Use a static Spider, which needs nothing of the node: `bash cross/build.sh \
     ARCH` makes one, and --agent-dir names its folder. A Ground Control that is built where \
     Rust's musl target is installed carries one (`rustup target add x86_64-unknown-linux-musl`).";

/// Whether a Spider finds what it needs; what the node does not tell counts as
/// good. In words, for the step.
pub fn judge(arch: &str, needs: &Needs, facts: &Facts) -> Result<String, Fault> {
    let arch = printable(arch);
    let Some(loader) = &needs.loader else {
        return Ok(format!(
            "{arch}: there is a Spider for it, which needs no libraries."
        ));
    };
    let wanted = match needs.glibc {
        Some((major, minor)) => format!("glibc {major}.{minor}"),
        None => printable(loader),
    };
    let has = match facts.libc.as_str() {
        "" => "another C library".to_owned(),
        libc => libc.to_owned(),
    };
    let missing = !facts.loaders.is_empty() && !facts.loaders.contains(loader);
    let have = facts.libc.strip_prefix("glibc ").and_then(version);
    let older = matches!((needs.glibc, have), (Some(needed), Some(have)) if have < needed);
    if missing || older {
        return Err(Fault::new(
            Cause::Unsupported,
            format!("The Spider for {arch} here needs {wanted}, and this node has {has}."),
            STATIC.replace("ARCH", &arch),
        ));
    }
    Ok(format!(
        "{arch}: there is a Spider for it, which needs {wanted}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded_spiders;

    /// An executable of the machine that the tests run on.
    fn shell() -> Vec<u8> {
        std::fs::read("/bin/sh").unwrap()
    }

    #[test]
    fn what_a_program_needs_is_what_binutils_say() {
        for bytes in [embedded_spiders::native().to_vec(), shell()] {
            let folder = stardust_base::testing::Folder::new();
            let path = folder.join("program");
            std::fs::write(&path, &bytes).unwrap();
            let run = |option: &str| {
                let output = std::process::Command::new("readelf")
                    .args([option, "-W"])
                    .arg(&path)
                    .output()
                    .expect("binutils come with every linker");
                String::from_utf8_lossy(&output.stdout).into_owned()
            };
            let needs = read(&bytes).unwrap();
            let loader = run("-l");
            let loader = loader
                .split("Requesting program interpreter: ")
                .nth(1)
                .and_then(|rest| rest.split(']').next());
            assert_eq!(needs.loader.as_deref(), loader);
            let newest = run("-V")
                .split_whitespace()
                .filter_map(|word| version(word.strip_prefix("GLIBC_")?))
                .max();
            assert_eq!(needs.glibc, newest);
        }
    }

    fn facts(libc: &str, loaders: &[&str]) -> Facts {
        Facts {
            libc: libc.into(),
            loaders: loaders.iter().map(|path| (*path).to_owned()).collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn an_older_or_another_library_is_said_before_anything_is_written() {
        let gnu = "/lib64/ld-linux-x86-64.so.2";
        let musl = "/lib/ld-musl-x86_64.so.1";
        let needs = Needs {
            loader: Some(gnu.into()),
            glibc: Some((2, 34)),
        };
        for (libc, loaders, good) in [
            ("glibc 2.31", &[gnu][..], false),
            ("glibc 2.9", &[gnu], false),
            ("glibc 2.34", &[gnu], true),
            ("glibc 2.34.9000", &[gnu], true),
            ("glibc 3.0", &[gnu], true),
            ("glibc 2.41", &[], true),
            ("musl 1.2.5", &[musl], false),
            // A musl system with what runs programs of glibc.
            ("musl 1.2.5", &[musl, gnu], true),
            ("", &[gnu], true),
            ("", &[musl], false),
            ("", &[], true),
        ] {
            let found = judge("x86_64", &needs, &facts(libc, loaders));
            assert_eq!(found.is_ok(), good, "{libc} {loaders:?}: {found:?}");
        }
        let fault = judge("x86_64", &needs, &facts("glibc 2.31", &[gnu])).unwrap_err();
        assert_eq!(
            fault.detail,
            "The Spider for x86_64 here needs glibc 2.34, and this node has glibc 2.31."
        );
        assert!(fault.hint.contains("cross/build.sh x86_64"), "{fault}");
        // A static one runs everywhere.
        let needs = Needs::default();
        assert!(judge("x86_64", &needs, &facts("musl 1.2.5", &[musl])).is_ok());
    }

    #[test]
    fn damaged_files_are_told_from_whole_ones() {
        let whole = shell();
        assert!(read(&whole).is_some_and(|needs| needs.loader.is_some()));
        for length in [0, 3, 19, 20, 63, 64, 200, 800] {
            assert_eq!(read(&whole[..length]).and_then(|needs| needs.glibc), None);
        }
        // Every byte of the headers changed in turn: no panic, and no endless loop.
        let mut bytes = whole[..whole.len().min(64 << 10)].to_vec();
        for at in 4..1024 {
            let before = bytes[at];
            for value in [0, 1, 0x7f, 0xff] {
                bytes[at] = value;
                let _ = read(&bytes);
            }
            bytes[at] = before;
        }
        assert_eq!(read(b"#!/bin/sh\necho this is no executable\n"), None);
    }
}
