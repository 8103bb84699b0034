//! The processor's name, from the many forms of /proc/cpuinfo.

use crate::collect::text::{lines, trim};

/// Names of ARM's own cores by `CPU part` (Main ID Register of each core's manual).
const ARM_PARTS: &[(u32, &str)] = &[
    (0x926, "ARM926"),
    (0xb76, "ARM1176"),
    (0xc05, "Cortex-A5"),
    (0xc07, "Cortex-A7"),
    (0xc08, "Cortex-A8"),
    (0xc09, "Cortex-A9"),
    (0xc0d, "Cortex-A12"),
    (0xc0e, "Cortex-A17"),
    (0xc0f, "Cortex-A15"),
    (0xd03, "Cortex-A53"),
    (0xd04, "Cortex-A35"),
    (0xd05, "Cortex-A55"),
    (0xd07, "Cortex-A57"),
    (0xd08, "Cortex-A72"),
    (0xd09, "Cortex-A73"),
    (0xd0a, "Cortex-A75"),
    (0xd0b, "Cortex-A76"),
    (0xd0c, "Neoverse-N1"),
    (0xd0d, "Cortex-A77"),
    (0xd40, "Neoverse-V1"),
    (0xd41, "Cortex-A78"),
    (0xd46, "Cortex-A510"),
    (0xd47, "Cortex-A710"),
    (0xd49, "Neoverse-N2"),
    (0xd4d, "Cortex-A715"),
    (0xd4f, "Neoverse-V2"),
    (0xd80, "Cortex-A520"),
    (0xd81, "Cortex-A720"),
];
const IMPLEMENTER_ARM: u32 = 0x41;

pub fn model(cpuinfo: &[u8]) -> Option<String> {
    // x86 and LoongArch.
    if field(cpuinfo, b"flags").is_some()
        && let Some(name) = field(cpuinfo, b"model name")
    {
        return Some(one_line(name));
    }
    if let Some(name) = arm(cpuinfo) {
        return Some(name);
    }
    // MIPS routers name the chip first and the core second; POWER says `cpu`.
    let fallback: [&[u8]; 8] = [
        b"model name",
        b"Model Name",
        b"cpu model",
        b"system type",
        b"Hardware",
        b"Processor",
        b"uarch",
        b"cpu",
    ];
    fallback
        .iter()
        .find_map(|name| field(cpuinfo, name))
        .map(one_line)
}

/// How many processors cpuinfo lists.
pub fn processors(cpuinfo: &[u8]) -> u32 {
    fields(cpuinfo, b"processor")
        .filter(|value| value.iter().all(u8::is_ascii_digit))
        .count() as u32
}

/// Whether the processor says that it runs under a hypervisor (x86).
pub fn has_hypervisor_flag(cpuinfo: &[u8]) -> bool {
    field(cpuinfo, b"flags").is_some_and(|flags| {
        flags
            .split(|b| b.is_ascii_whitespace())
            .any(|flag| flag == b"hypervisor")
    })
}

/// `ARM Cortex-A76 + Cortex-A55 (RK3588)`
fn arm(cpuinfo: &[u8]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let implementers = fields(cpuinfo, b"CPU implementer");
    for (implementer, part) in implementers.zip(fields(cpuinfo, b"CPU part")) {
        if hex(implementer) != Some(IMPLEMENTER_ARM) {
            return None;
        }
        let part = hex(part)?;
        let (_, name) = ARM_PARTS.iter().find(|(number, _)| *number == part)?;
        if !names.contains(name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return None;
    }
    let mut out = String::from("ARM ");
    out.push_str(&names.join(" + "));
    if let Some(hardware) = field(cpuinfo, b"Hardware") {
        out.push_str(" (");
        out.push_str(&one_line(hardware));
        out.push(')');
    }
    Some(out)
}

fn fields<'a>(cpuinfo: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    lines(cpuinfo).filter_map(move |line| {
        let colon = line.iter().position(|&b| b == b':')?;
        (trim(&line[..colon]) == name).then(|| trim(&line[colon + 1..]))
    })
}

fn field<'a>(cpuinfo: &'a [u8], name: &'a [u8]) -> Option<&'a [u8]> {
    fields(cpuinfo, name).find(|value| !value.is_empty())
}

fn hex(value: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(value).ok()?;
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Runs of blanks, which CPU makers like, become one.
fn one_line(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_several_architectures() {
        let name = |text: &str| model(text.as_bytes());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            name("processor\t: 0\nmodel name\t: Intel(R)  Xeon(R) CPU\t@ 2.0GHz\nflags\t: fpu\n"),
            some("Intel(R) Xeon(R) CPU @ 2.0GHz")
        );
        let pi = "processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\n\
            CPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nHardware\t: BCM2711\nModel\t: Pi 4\n";
        assert_eq!(name(pi), some("ARM Cortex-A72 (BCM2711)"));
        let big_little = "CPU implementer : 0x41\nCPU part : 0xd05\nCPU implementer : 0x41\n\
            CPU part : 0xd0b\nCPU implementer : 0x41\nCPU part : 0xd0b\n";
        assert_eq!(name(big_little), some("ARM Cortex-A55 + Cortex-A76"));
        assert_eq!(
            name("model name : ARMv8 X\nCPU implementer : 0x61\nCPU part : 0x022\n"),
            some("ARMv8 X")
        );
        assert_eq!(
            name("system type : MediaTek MT7621 ver:1 eco:3\ncpu model : MIPS 1004Kc V2.15\n"),
            some("MIPS 1004Kc V2.15")
        );
        assert_eq!(name(""), None);
        assert_eq!(name("model name\nflags :\n:\n\0\n"), None);
    }

    #[test]
    fn processors_and_the_hypervisor_flag() {
        let text = b"processor : 0\nProcessor : ARMv7\nprocessor : 1\nflags : fpu hypervisor\n";
        assert_eq!(processors(text), 2);
        assert!(has_hypervisor_flag(text));
        assert!(!has_hypervisor_flag(b"flags : fpu hypervisors\n"));
    }
}
