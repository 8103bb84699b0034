//! Names of ARM's cores, and of those that others make by its rules.
//!
//! `CPU implementer` and `CPU part` are fields of the Main ID Register, which each
//! core's manual gives; the kernel's `arch/arm64/include/asm/cputype.h` lists many.

/// The makers by `CPU implementer`. Those of Ampere have the name in the core's.
const MAKERS: &[(u32, &str)] = &[
    (0x41, "ARM"),
    (0x42, "Broadcom"),
    (0x43, "Cavium"),
    (0x46, "Fujitsu"),
    (0x48, "HiSilicon"),
    (0x4e, "NVIDIA"),
    (0x50, "APM"),
    (0x51, "Qualcomm"),
    (0x53, "Samsung"),
    (0x56, "Marvell"),
    (0x61, "Apple"),
    (0x69, "Intel"),
    (0x6d, "Microsoft"),
    (0x70, "Phytium"),
    (0xc0, ""),
];

/// Implementer, part and name, a core a line: as one text it is a third as large
/// as a table of pointers.
const CORES: &str = "\
41 926 ARM926\n\
41 946 ARM946\n\
41 b02 ARM11MPCore\n\
41 b36 ARM1136\n\
41 b56 ARM1156\n\
41 b76 ARM1176\n\
41 c05 Cortex-A5\n\
41 c07 Cortex-A7\n\
41 c08 Cortex-A8\n\
41 c09 Cortex-A9\n\
41 c0d Cortex-A12\n\
41 c0e Cortex-A17\n\
41 c0f Cortex-A15\n\
41 d01 Cortex-A32\n\
41 d02 Cortex-A34\n\
41 d03 Cortex-A53\n\
41 d04 Cortex-A35\n\
41 d05 Cortex-A55\n\
41 d06 Cortex-A65\n\
41 d07 Cortex-A57\n\
41 d08 Cortex-A72\n\
41 d09 Cortex-A73\n\
41 d0a Cortex-A75\n\
41 d0b Cortex-A76\n\
41 d0c Neoverse-N1\n\
41 d0d Cortex-A77\n\
41 d0e Cortex-A76AE\n\
41 d40 Neoverse-V1\n\
41 d41 Cortex-A78\n\
41 d42 Cortex-A78AE\n\
41 d43 Cortex-A65AE\n\
41 d44 Cortex-X1\n\
41 d46 Cortex-A510\n\
41 d47 Cortex-A710\n\
41 d48 Cortex-X2\n\
41 d49 Neoverse-N2\n\
41 d4a Neoverse-E1\n\
41 d4b Cortex-A78C\n\
41 d4c Cortex-X1C\n\
41 d4d Cortex-A715\n\
41 d4e Cortex-X3\n\
41 d4f Neoverse-V2\n\
41 d80 Cortex-A520\n\
41 d81 Cortex-A720\n\
41 d82 Cortex-X4\n\
41 d83 Neoverse-V3AE\n\
41 d84 Neoverse-V3\n\
41 d85 Cortex-X925\n\
41 d87 Cortex-A725\n\
41 d88 Cortex-A520AE\n\
41 d89 Cortex-A720AE\n\
41 d8a C1-Nano\n\
41 d8b C1-Pro\n\
41 d8c C1-Ultra\n\
41 d8e Neoverse-N3\n\
41 d8f Cortex-A320\n\
41 d90 C1-Premium\n\
42 00f Brahma-B15\n\
42 100 Brahma-B53\n\
42 516 ThunderX2\n\
43 0a0 ThunderX\n\
43 0a1 ThunderX-88XX\n\
43 0a2 ThunderX-81XX\n\
43 0a3 ThunderX-83XX\n\
43 0af ThunderX2-99xx\n\
43 0b1 OcteonTX2-98XX\n\
43 0b2 OcteonTX2-96XX\n\
43 0b8 ThunderX3-T110\n\
46 001 A64FX\n\
46 003 MONAKA\n\
48 d01 TaiShan-v110\n\
48 d02 TaiShan-v120\n\
48 d40 Cortex-A76\n\
48 d41 Cortex-A77\n\
4e 000 Denver\n\
4e 003 Denver 2\n\
4e 004 Carmel\n\
4e 010 Olympus\n\
50 000 X-Gene\n\
51 001 Oryon\n\
51 00f Scorpion\n\
51 02d Scorpion\n\
51 04d Krait\n\
51 06f Krait\n\
51 201 Kryo\n\
51 205 Kryo\n\
51 211 Kryo\n\
51 800 Falkor-V1\n\
51 801 Kryo-V2\n\
51 802 Kryo-3XX-Gold\n\
51 803 Kryo-3XX-Silver\n\
51 804 Kryo-4XX-Gold\n\
51 805 Kryo-4XX-Silver\n\
51 c00 Falkor\n\
51 c01 Saphira\n\
53 001 Exynos-M1\n\
53 002 Exynos-M3\n\
53 003 Exynos-M4\n\
53 004 Exynos-M5\n\
56 131 Feroceon-88FR131\n\
56 581 PJ4\n\
56 584 PJ4B-MP\n\
61 020 Icestorm (A14)\n\
61 021 Firestorm (A14)\n\
61 022 Icestorm (M1)\n\
61 023 Firestorm (M1)\n\
61 024 Icestorm (M1 Pro)\n\
61 025 Firestorm (M1 Pro)\n\
61 028 Icestorm (M1 Max)\n\
61 029 Firestorm (M1 Max)\n\
61 030 Blizzard (A15)\n\
61 031 Avalanche (A15)\n\
61 032 Blizzard (M2)\n\
61 033 Avalanche (M2)\n\
61 034 Blizzard (M2 Pro)\n\
61 035 Avalanche (M2 Pro)\n\
61 038 Blizzard (M2 Max)\n\
61 039 Avalanche (M2 Max)\n\
69 200 i80200\n\
69 210 PXA250A\n\
69 411 PXA27x\n\
6d d49 Azure-Cobalt-100\n\
70 303 FTC310\n\
70 660 FTC660\n\
70 661 FTC661\n\
70 662 FTC662\n\
70 663 FTC663\n\
70 664 FTC664\n\
70 862 FTC862\n\
c0 ac3 Ampere-1\n\
c0 ac4 Ampere-1a\n\
c0 ac5 Ampere-1b";

/// The maker and the name of a core.
pub fn core(implementer: u32, part: u32) -> Option<(&'static str, &'static str)> {
    let (_, maker) = MAKERS.iter().find(|(number, _)| *number == implementer)?;
    let name = CORES.lines().find_map(|line| {
        let (of, rest) = line.split_once(' ')?;
        let (number, name) = rest.split_once(' ')?;
        let is = |text: &str, value: u32| u32::from_str_radix(text, 16) == Ok(value);
        (is(of, implementer) && is(number, part)).then_some(name)
    })?;
    Some((maker, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_core_of_a_known_maker_and_none_is_there_twice() {
        let mut seen = Vec::new();
        for line in CORES.lines() {
            let (implementer, rest) = line.split_once(' ').unwrap();
            let (part, name) = rest.split_once(' ').unwrap();
            let number = |text| u32::from_str_radix(text, 16).unwrap();
            let key = (number(implementer), number(part));
            assert!(!seen.contains(&key), "{line}");
            seen.push(key);
            assert_eq!(core(key.0, key.1).unwrap().1, name);
        }
        assert_eq!(core(0x41, 0xd0c), Some(("ARM", "Neoverse-N1")));
        assert_eq!(core(0xc0, 0xac3), Some(("", "Ampere-1")));
        assert_eq!(core(0x41, 0xfff), None);
        assert_eq!(core(0x99, 0xd0c), None);
    }
}
