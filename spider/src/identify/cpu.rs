//! The processor's name, from the many forms of /proc/cpuinfo.

mod arm;

use crate::collect::text::{lines, trim};

pub fn model(cpuinfo: &[u8]) -> Option<String> {
    // x86 and LoongArch.
    if field(cpuinfo, b"flags").is_some()
        && let Some(name) = field(cpuinfo, b"model name")
    {
        return Some(one_line(name));
    }
    if let Some(name) = arm_cores(cpuinfo) {
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

/// Whether the processor is of a kind that says whether it is shared (x86).
pub fn has_flags(cpuinfo: &[u8]) -> bool {
    field(cpuinfo, b"flags").is_some()
}

/// Whether the processor says that it runs under a hypervisor (x86).
pub fn has_hypervisor_flag(cpuinfo: &[u8]) -> bool {
    field(cpuinfo, b"flags").is_some_and(|flags| {
        flags
            .split(|b| b.is_ascii_whitespace())
            .any(|flag| flag == b"hypervisor")
    })
}

/// `ARM Cortex-A76 + Cortex-A55 (RK3588)`; cores that have no name here are left out.
fn arm_cores(cpuinfo: &[u8]) -> Option<String> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    let implementers = fields(cpuinfo, b"CPU implementer");
    for (implementer, part) in implementers.zip(fields(cpuinfo, b"CPU part")) {
        let known = hex(implementer).zip(hex(part));
        if let Some(name) = known.and_then(|(implementer, part)| arm::core(implementer, part))
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    let mut out = String::new();
    for (index, (maker, name)) in names.iter().enumerate() {
        // The maker once, before the first of its cores.
        let is_said = index > 0 && names[index - 1].0 == *maker;
        out.push_str(if index > 0 { " + " } else { "" });
        if !is_said && !maker.is_empty() {
            out.push_str(maker);
            out.push(' ');
        }
        out.push_str(name);
    }
    if out.is_empty() {
        return None;
    }
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

pub fn field<'a>(cpuinfo: &'a [u8], name: &'a [u8]) -> Option<&'a [u8]> {
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
            name("CPU implementer : 0xc0\nCPU part : 0xac3\n"),
            some("Ampere-1")
        );
        assert_eq!(
            name(
                "CPU implementer : 0x61\nCPU part : 0x022\nCPU implementer : 0x61\nCPU part : 0x023\n"
            ),
            some("Apple Icestorm (M1) + Firestorm (M1)")
        );
        // One that nobody knows yet.
        let three = "CPU implementer : 0x41\nCPU part : 0xd46\nCPU implementer : 0x41\n\
            CPU part : 0xfff\nCPU implementer : 0x41\nCPU part : 0xd4e\n";
        assert_eq!(name(three), some("ARM Cortex-A510 + Cortex-X3"));
        assert_eq!(
            name("model name : ARMv8 X\nCPU implementer : 0x41\nCPU part : 0xfff\n"),
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
