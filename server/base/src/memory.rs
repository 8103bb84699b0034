//! Large pages for the memory of a large fleet.
//!
//! A sample touches some sixty lines of memory on twenty pages, and with ten thousand
//! nodes no page is in the processor's table of addresses when its turn comes: on
//! pages of 2 MiB there is little to look up.

/// What is asked for so far.
#[derive(Debug, Default)]
pub struct LargePages {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    heap: Option<std::ops::Range<usize>>,
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
impl LargePages {
    /// Asks for large pages for all of the heap as it is now. Cheap while it has not
    /// grown; where the kernel has none to give, nothing changes.
    pub fn ask(&mut self) {
        // SAFETY: with 0 it only answers where the heap ends.
        let end = unsafe { libc::sbrk(0) } as usize;
        let asked = self.heap.get_or_insert_with(|| {
            let start = heap_start().unwrap_or(end);
            start..start
        });
        if end <= asked.end {
            return;
        }
        let length = end - asked.start;
        // SAFETY: the range is this process's heap, and advice changes nothing in it.
        // From its very start: it must be one mapping, or the kernel splits it.
        unsafe { libc::madvise(asked.start as *mut _, length, libc::MADV_HUGEPAGE) };
        asked.end = end;
    }
}

/// The heap's mapping, as the kernel names it (proc_pid_maps(5)).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn heap_start() -> Option<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let heap = maps.lines().find(|line| line.ends_with("[heap]"))?;
    usize::from_str_radix(heap.split('-').next()?, 16).ok()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
impl LargePages {
    /// The allocator of the static build keeps its memory in mappings of its own.
    pub fn ask(&mut self) {}
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn the_whole_heap_is_marked() {
        let mut pages = LargePages::default();
        pages.ask();
        pages.ask();
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return;
        }
        let mappings = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut heap = mappings
            .lines()
            .skip_while(|line| !line.ends_with("[heap]"));
        // proc_pid_smaps(5): hg is the advice.
        let flags = heap.find(|line| line.starts_with("VmFlags:")).unwrap();
        assert!(flags.split_whitespace().any(|flag| flag == "hg"), "{flags}");
    }
}
